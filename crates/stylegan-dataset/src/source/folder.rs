//! A folder of image files, at any depth; with a `dataset.json`, that of stylegan2-ada.

use std::path::{Path, PathBuf};

use super::bytes::whole_unpacked;
use super::dataset_json::{MAX_BYTES, parse_labels};
use super::labels::Labels;
use super::scan::{self, Entry, Found};
use super::{Raw, Source};
use crate::error::DatasetError;

/// The most bytes that an image file may have: 1 GiB.
const MAX_FILE: u64 = 1 << 30;

/// The images of a folder, in the order of their paths.
#[derive(Debug)]
pub struct ImageFolder {
    root: PathBuf,
    entries: Vec<Entry>,
    labels: Labels,
    ignored: usize,
}

impl ImageFolder {
    /// Finds the images of a folder. Labels are those of a `dataset.json` in it, or with
    /// `class_per_folder` the sub-folders.
    ///
    /// # Errors
    /// If the folder is missing, no folder, unreadable or without images; if an image is in no
    /// class; or if `dataset.json` and the images do not fit.
    pub fn open(root: &Path, class_per_folder: bool) -> Result<Self, DatasetError> {
        let json = root.join("dataset.json");
        let by_json = json.is_file();
        let Found { entries, classes, ignored } = scan::scan(root, class_per_folder && !by_json)?;
        let labels = if by_json {
            let wrong = |reason| {
                DatasetError::format(
                    &json,
                    reason,
                    "correct it, or move it away to go without labels",
                )
            };
            let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
            let labels = parse_labels(&whole_unpacked(&json, MAX_BYTES)?).map_err(wrong)?;
            labels.map_or(Ok(Labels::none()), |labels| labels.in_order(&names)).map_err(wrong)?
        } else if class_per_folder {
            let number = |entry: &Entry| entry.class.unwrap_or_default() as u32;
            Labels::classes(classes, entries.iter().map(number).collect())
        } else {
            Labels::none()
        };
        let ignored = ignored - usize::from(by_json);
        Ok(Self { root: root.into(), entries, labels, ignored })
    }
}

impl Source for ImageFolder {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn name(&self, index: usize) -> String {
        self.entries.get(index).map(|entry| entry.name.clone()).unwrap_or_default()
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let entry = self.entries.get(index).ok_or("there is no such image")?;
        let len = std::fs::metadata(&entry.path).map_err(|error| error.to_string())?.len();
        if len > MAX_FILE {
            return Err(format!("the file has {len} bytes, more than {MAX_FILE}"));
        }
        std::fs::read(&entry.path).map(Raw::File).map_err(|error| error.to_string())
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn ignored(&self) -> usize {
        self.ignored
    }
}
