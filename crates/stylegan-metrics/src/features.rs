//! Features of many images: computed batch by batch, kept in memory or in a file, read in blocks.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use candle_core::Tensor;

use crate::MetricError;

/// Rows that are read at a time.
pub(crate) const BLOCK: usize = 1024;

/// Features [N, D] of N images.
#[derive(Debug)]
pub struct Features {
    dims: usize,
    count: usize,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    Memory(Vec<f32>),
    File { path: PathBuf, file: Mutex<File> },
}

impl Features {
    /// From a tensor [N, D].
    ///
    /// # Errors
    /// If it has other dimensions.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self, MetricError> {
        let (count, dims) = tensor.dims2()?;
        let rows = tensor.to_dtype(candle_core::DType::F32)?.flatten_all()?.to_vec1()?;
        Ok(Self { dims, count, rows: Rows::Memory(rows) })
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Numbers of a row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// The rows of a range, one after another.
    ///
    /// # Errors
    /// [`MetricError::Cache`] if their file cannot be read.
    pub fn block(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>, MetricError> {
        let (dims, range) = (self.dims, range.start.min(self.count)..range.end.min(self.count));
        match &self.rows {
            Rows::Memory(rows) => Ok(Cow::Borrowed(&rows[range.start * dims..range.end * dims])),
            Rows::File { path, file } => {
                let mut bytes = vec![0; range.len() * dims * 4];
                let mut file = file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                file.seek(SeekFrom::Start((range.start * dims * 4) as u64))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(MetricError::cache("read", path))?;
                Ok(Cow::Owned(floats(&bytes)))
            }
        }
    }

    /// Some rows, in their order.
    ///
    /// # Errors
    /// As [`Self::block`].
    pub fn select(&self, indices: &[usize]) -> Result<Vec<f32>, MetricError> {
        let mut rows = Vec::with_capacity(indices.len() * self.dims);
        for &index in indices {
            rows.extend_from_slice(&self.block(index..index + 1)?);
        }
        Ok(rows)
    }

    /// All rows in blocks, with the index of the first.
    pub(crate) fn blocks(
        &self,
    ) -> impl Iterator<Item = Result<(usize, Cow<'_, [f32]>), MetricError>> {
        crate::batches(self.count, BLOCK).map(|range| Ok((range.start, self.block(range.clone())?)))
    }

    /// The first `count` rows only.
    #[must_use]
    pub fn first(mut self, count: usize) -> Self {
        self.count = self.count.min(count);
        self
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A file that features are added to, and that knows how many of them are whole: an interrupted evaluation goes on where it stopped.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    dims: usize,
    count: usize,
    file: File,
}

/// The rows, and how many of them are whole, in a folder of a cache.
const ROWS: &str = "features.f32";
const STATE: &str = "state";

impl Store {
    /// Opens the folder of a key, or makes it. `key` says what the rows depend on, for people.
    pub(crate) fn open(folder: &Path, dims: usize, key: &str) -> Result<Self, MetricError> {
        fs::create_dir_all(folder).map_err(MetricError::cache("make", folder))?;
        let path = folder.join(ROWS);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(MetricError::cache("open", &path))?;
        let length = file.metadata().map_err(MetricError::cache("read", &path))?.len() as usize;
        let noted = fs::read_to_string(folder.join(STATE)).unwrap_or_default();
        let noted: usize =
            noted.lines().next().and_then(|line| line.parse().ok()).unwrap_or_default();
        // What was written after the last note may be incomplete.
        let count = noted.min(length / (4 * dims.max(1)));
        let store = Self { folder: folder.to_owned(), dims, count, file };
        store.note(key)?;
        Ok(store)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds rows.
    pub(crate) fn push(&mut self, rows: &[f32], key: &str) -> Result<(), MetricError> {
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let at = (self.count * self.dims * 4) as u64;
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.write_all(&bytes))
            .and_then(|()| self.file.sync_data())
            .map_err(MetricError::cache("write", &self.folder.join(ROWS)))?;
        self.count += rows.len() / self.dims.max(1);
        self.note(key)
    }

    /// Notes how many rows are whole.
    fn note(&self, key: &str) -> Result<(), MetricError> {
        let (path, new) = (self.folder.join(STATE), self.folder.join("state.new"));
        let write = || -> io::Result<()> {
            fs::write(&new, format!("{}\n{key}\n", self.count))?;
            fs::rename(&new, &path)
        };
        write().map_err(MetricError::cache("write", &path))
    }

    /// The first `count` rows, or all if there are fewer.
    pub(crate) fn finish(self, count: usize) -> Features {
        let path = self.folder.join(ROWS);
        let rows = Rows::File { path, file: Mutex::new(self.file) };
        Features { dims: self.dims, count: self.count.min(count), rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_found_again_and_what_was_not_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), 2, "key").unwrap();
        store.push(&[1.0, 2.0, 3.0, 4.0], "key").unwrap();
        drop(store);
        // A row that was written by halves.
        let mut file = OpenOptions::new().append(true).open(folder.path().join(ROWS)).unwrap();
        file.write_all(&[1, 2, 3]).unwrap();
        let mut store = Store::open(folder.path(), 2, "key").unwrap();
        assert_eq!(store.count(), 2);
        store.push(&[5.0, 6.0], "key").unwrap();
        let features = store.finish(10);
        assert_eq!((features.count(), features.dims()), (3, 2));
        assert_eq!(features.block(1..3).unwrap().to_vec(), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(features.select(&[2, 0]).unwrap(), [5.0, 6.0, 1.0, 2.0]);
        assert_eq!(features.first(1).block(0..5).unwrap().to_vec(), [1.0, 2.0]);
    }
}
