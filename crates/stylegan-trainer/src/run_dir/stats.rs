//! Lines of numbers that survive a kill.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use stylegan_checkpoint::atomic_write;

use super::RunDirError;

/// A file of JSON objects, one a line, each with the number `images` of real images seen so far.
///
/// A line is handed to the operating system whole, as it is written. If a kill or a crash tears the last one, it is
/// dropped when the file is opened again, and so are the lines after the point from which the run resumes: the resumed
/// run writes them anew.
#[derive(Debug)]
pub struct StatsFile {
    path: PathBuf,
    file: File,
}

impl StatsFile {
    /// Opens the file, keeping the lines up to `images` real images.
    ///
    /// # Errors
    /// [`RunDirError::Io`] or [`RunDirError::Write`].
    pub fn open(path: &Path, images: u64) -> Result<Self, RunDirError> {
        let old = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(RunDirError::io("read", path)(error)),
        };
        let kept: Vec<u8> = old
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| line.ends_with(b"\n") && is_before(line, images))
            .flatten()
            .copied()
            .collect();
        if kept.len() != old.len() {
            atomic_write(path, |writer| writer.write_all(&kept))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(RunDirError::io("open", path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a line. `record` must serialise to an object with a number `images`.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), RunDirError> {
        let line = serde_json::to_string(record).map_err(io::Error::other).map(|json| json + "\n");
        line.and_then(|line| self.file.write_all(line.as_bytes()))
            .map_err(RunDirError::io("write", &self.path))
    }

    /// Waits until all lines are on the disk; to be called before a snapshot is written.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn sync(&self) -> Result<(), RunDirError> {
        self.file.sync_data().map_err(RunDirError::io("sync", &self.path))
    }
}

/// Whether a line is whole and not after `images` images.
fn is_before(line: &[u8], images: u64) -> bool {
    let record = serde_json::from_slice::<serde_json::Value>(line);
    record.is_ok_and(|record| record["images"].as_u64().is_some_and(|at| at <= images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn append(path: &Path, from: u64, images: &[u64]) {
        let mut stats = StatsFile::open(path, from).unwrap();
        for images in images {
            stats.append(&json!({"images": images, "loss": 0.5})).unwrap();
        }
        stats.sync().unwrap();
    }

    fn images(path: &Path) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        let number = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["images"].as_u64().unwrap()
        };
        text.lines().map(number).collect()
    }

    #[test]
    fn lines_after_the_resumed_step_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        append(&path, 0, &[16, 32, 48, 64]);
        append(&path, 32, &[48]);
        assert_eq!(images(&path), [16, 32, 48]);
        append(&path, u64::MAX, &[64]);
        assert_eq!(images(&path), [16, 32, 48, 64]);
    }

    #[test]
    fn a_torn_line_is_dropped_wherever_it_tore() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        append(&path, 0, &[16, 32]);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            append(&path, u64::MAX, &[99]);
            let mut expected = vec![16; usize::from(length > whole.len() / 2 - 1)];
            expected.push(99);
            assert_eq!(images(&path), expected, "{length} bytes were written");
        }
    }
}
