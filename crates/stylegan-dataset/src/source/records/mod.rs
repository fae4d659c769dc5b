//! Multi-resolution TFRecords of StyleGAN and Progressive GAN: one file a resolution,
//! `NAME-r02.tfrecords` (4x4) to `NAME-r10.tfrecords` (1024x1024), and `NAME-rxx.labels`.

mod example;
mod framing;
mod npy;

use std::path::{Path, PathBuf};

pub use example::parse as parse_example;
pub(crate) use example::write as write_example;
pub(crate) use framing::{frame, is_records};
pub use npy::parse as parse_npy;
pub(crate) use npy::write as write_npy;

use super::bytes::{MAX_INFLATED, Parts, whole_unpacked};
use super::labels::Labels;
use super::{Raw, Source};
use crate::error::DatasetError;

const HINT: &str = "make the set again, or get the file again if it was downloaded";

/// The ending of a file of records.
const ENDING: &str = ".tfrecords";

/// The pictures of one resolution of a set of TFRecords.
#[derive(Debug)]
pub struct Records {
    file: Parts,
    /// Where each record's payload begins, and its length.
    places: Vec<(u64, u64)>,
    /// Side of the pictures by the file's name; `None` if the name does not say.
    side: Option<usize>,
    labels: Labels,
}

/// The side that a file's name speaks of: 32 for `NAME-r05.tfrecords`.
fn side_of(path: &Path) -> Option<usize> {
    let name = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
    let (_, level) = name.rsplit_once("-r")?;
    let level: u32 = level.parse().ok()?;
    (level <= 12).then(|| 1 << level)
}

/// The files of records in a folder, smallest resolution first.
pub(super) fn in_folder(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "tfrecords"))
        .collect();
    files.sort_by_key(|path| (side_of(path), path.clone()));
    files
}

/// The file to read for pictures of a side: that side, else the largest.
pub(super) fn choose(files: &[PathBuf], side: Option<usize>) -> Option<&PathBuf> {
    files.iter().find(|path| side.is_some() && side_of(path) == side).or(files.last())
}

impl Records {
    /// Finds the records of a file, and reads the labels beside it if there are any.
    ///
    /// # Errors
    /// If the file is no file of whole records with right checksums of their lengths, or if the
    /// labels do not read or fit.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let file = Parts::open(path)?;
        let places =
            framing::places(&file).map_err(|reason| DatasetError::format(path, reason, HINT))?;
        if places.is_empty() {
            return Err(DatasetError::Empty { path: path.into(), ignored: 0 });
        }
        let labels = labels_of(path, places.len())?;
        Ok(Self { file, places, side: side_of(path), labels })
    }
}

/// The labels of a file of records: `NAME-rxx.labels` beside `NAME-r05.tfrecords`.
fn labels_of(path: &Path, count: usize) -> Result<Labels, DatasetError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(ENDING).unwrap_or(&name);
    let name = name.rsplit_once("-r").map_or(name, |(name, _)| name);
    let file = path.with_file_name(format!("{name}-rxx.labels"));
    if !file.is_file() {
        return Ok(Labels::none());
    }
    let broken = |reason| DatasetError::format(&file, reason, HINT);
    let (rows, dim, values) = parse_npy(&whole_unpacked(&file, MAX_INFLATED)?).map_err(broken)?;
    if rows != count {
        return Err(broken(format!("it has {rows} labels, but there are {count} pictures")));
    }
    Ok(Labels::vectors((0..dim).map(|i| i.to_string()).collect(), values))
}

impl Source for Records {
    fn describe(&self) -> String {
        format!("TFRecords {}", self.file.path().display())
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn name(&self, index: usize) -> String {
        format!("{index:08}")
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let &(start, len) = self.places.get(index).ok_or("there is no such record")?;
        let payload = framing::payload(&self.file, start, len)?;
        let image = parse_example(&payload)?;
        if let Some(side) = self.side.filter(|&side| side != image.width || side != image.height) {
            let (w, h) = (image.width, image.height);
            return Err(format!(
                "its picture is {w} wide and {h} high, the file's name says {side}"
            ));
        }
        Ok(Raw::Pixels(image))
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }
}
