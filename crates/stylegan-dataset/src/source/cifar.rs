//! CIFAR-10 in its binary version: a byte of label and 3x32x32 bytes of colour a picture.

use std::path::{Path, PathBuf};

use super::bytes::{MAX_INFLATED, first_unpacked, whole_unpacked};
use super::labels::Labels;
use super::{Raw, Source};
use crate::dataset::Image;
use crate::error::DatasetError;

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;
const RECORD: usize = 1 + PIXELS;

/// The classes in the order of their numbers, as the set's page lists them.
const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The pictures of one or more files of CIFAR-10.
#[derive(Debug)]
pub struct Cifar {
    path: PathBuf,
    records: Vec<u8>,
    labels: Labels,
}

/// Whether a file can be one of CIFAR-10: named `.bin` (or `.bin.gz`), a label below ten, and a
/// second one where the second record begins.
pub(super) fn is_cifar(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (name.ends_with(".bin") || name.ends_with(".bin.gz"))
        && first_unpacked(path, RECORD as u64 + 1).is_ok_and(|start| {
            start.len() >= RECORD
                && start[0] < 10
                && start.get(RECORD).is_none_or(|&label| label < 10)
        })
}

/// The training files in a folder, in order.
pub(super) fn in_folder(root: &Path) -> Vec<PathBuf> {
    (1..=5)
        .flat_map(|number| {
            [format!("data_batch_{number}.bin"), format!("data_batch_{number}.bin.gz")]
        })
        .map(|name| root.join(name))
        .filter(|path| path.is_file())
        .collect()
}

impl Cifar {
    /// Reads files of records, one after the other.
    ///
    /// # Errors
    /// If a file does not read, is cut short, or holds labels past 9.
    pub fn open(path: &Path, files: &[PathBuf]) -> Result<Self, DatasetError> {
        let mut records = Vec::new();
        let mut numbers = Vec::new();
        for file in files {
            let broken = |reason| {
                DatasetError::format(file, reason, "get the binary version of CIFAR-10 again")
            };
            let bytes = whole_unpacked(file, MAX_INFLATED)?;
            if bytes.is_empty() || bytes.len() % RECORD != 0 {
                let (found, left) = (bytes.len(), bytes.len() % RECORD);
                let reason =
                    format!("expected records of {RECORD} bytes, {left} of {found} are left over");
                return Err(broken(reason));
            }
            for (at, record) in bytes.chunks_exact(RECORD).enumerate() {
                if usize::from(record[0]) >= CLASSES.len() {
                    return Err(broken(format!(
                        "picture {at} has label {}: expected 0 to 9",
                        record[0]
                    )));
                }
                numbers.push(record[0].into());
            }
            records.extend_from_slice(&bytes);
        }
        let labels = Labels::classes(CLASSES.map(str::to_owned).to_vec(), numbers);
        Ok(Self { path: path.into(), records, labels })
    }
}

impl Source for Cifar {
    fn describe(&self) -> String {
        format!("CIFAR-10 in {}", self.path.display())
    }

    fn len(&self) -> usize {
        self.records.len() / RECORD
    }

    fn name(&self, index: usize) -> String {
        format!("{index:05}")
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let record = self.records.get(index * RECORD..(index + 1) * RECORD);
        let data = record.ok_or("there is no such picture")?[1..].to_vec();
        Ok(Raw::Pixels(Image { width: SIDE, height: SIDE, channels: 3, data }))
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }
}
