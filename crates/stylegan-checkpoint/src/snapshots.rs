//! Folders of files that belong together.
//!
//! ```text
//! snapshots/
//!   000120/            a snapshot: its files, and state.json, which lists them
//!   000140/
//!   .new-000160/       being written when the process died: ignored, removed by `recover`
//!   .old-000140/       being replaced: put back by `recover` if its successor never arrived
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::atomic::{atomic_write, sync_folder};
use crate::{CheckpointError, inspect};

const STATE: &str = "state.json";
const NEW: &str = ".new-";
const OLD: &str = ".old-";

/// The snapshots of one run. Methods that write or remove assume that no other process does; the run's lock sees to that.
#[derive(Clone, Debug)]
pub struct Snapshots {
    root: PathBuf,
}

/// A snapshot whose files are all there.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its number: thousands of images seen.
    pub number: u64,
    /// Its folder.
    pub path: PathBuf,
    state: serde_json::Value,
}

/// What [`Snapshots::recover`] found.
#[derive(Debug)]
pub struct Recovery {
    /// The newest valid snapshot.
    pub snapshot: Option<Snapshot>,
    /// Why newer ones were passed over, newest first; each names its file.
    pub skipped: Vec<CheckpointError>,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
struct Manifest {
    files: BTreeMap<String, FileRecord>,
    state: serde_json::Value,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct FileRecord {
    bytes: u64,
    crc32: u32,
}

impl Snapshots {
    /// The snapshots under `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Writes a snapshot: `fill` puts its files into a temporary folder; they and `state` are synced to the disk, and
    /// the folder is renamed. A snapshot of the same number is replaced.
    ///
    /// # Errors
    /// Those of `fill`, and [`CheckpointError::Io`]. The existing snapshots are then as they were.
    pub fn write(
        &self,
        number: u64,
        state: &impl Serialize,
        fill: impl FnOnce(&Path) -> Result<(), CheckpointError>,
    ) -> Result<PathBuf, CheckpointError> {
        let temporary = self.folder(NEW, number);
        remove_folder(&temporary)?;
        fs::create_dir_all(&temporary).map_err(CheckpointError::io("create", &temporary))?;
        let moved = self.fill(&temporary, state, fill).and_then(|()| self.replace(number));
        if moved.is_err() {
            // The first error is the one to report; what stays behind is removed by the next recovery.
            let _ = remove_folder(&temporary);
        }
        moved
    }

    fn fill(
        &self,
        folder: &Path,
        state: &impl Serialize,
        fill: impl FnOnce(&Path) -> Result<(), CheckpointError>,
    ) -> Result<(), CheckpointError> {
        fill(folder)?;
        let mut files = BTreeMap::new();
        for name in file_names(folder)? {
            let path = folder.join(&name);
            let file = File::open(&path).map_err(CheckpointError::io("open", &path))?;
            file.sync_all().map_err(CheckpointError::io("sync", &path))?;
            files.insert(name, record(&path)?);
        }
        let path = folder.join(STATE);
        let state = serde_json::to_value(state)
            .map_err(|error| CheckpointError::malformed(&path, error.to_string()))?;
        let text = serde_json::to_string_pretty(&Manifest { files, state })
            .map_err(|error| CheckpointError::malformed(&path, error.to_string()))?;
        // Syncs the folder too.
        atomic_write(&path, |writer| writer.write_all(text.as_bytes()))
    }

    /// Puts the new folder in the place of an old one.
    fn replace(&self, number: u64) -> Result<PathBuf, CheckpointError> {
        let (new, old) = (self.folder(NEW, number), self.folder(OLD, number));
        let path = self.folder("", number);
        let rename = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(CheckpointError::io("rename", from))
        };
        remove_folder(&old)?;
        if path.exists() {
            rename(&path, &old)?;
        }
        if let Err(error) = rename(&new, &path) {
            if old.exists() {
                rename(&old, &path)?;
            }
            return Err(error);
        }
        sync_folder(&self.root)?;
        remove_folder(&old)?;
        Ok(path)
    }

    /// The numbers of all snapshots, ascending. They are not checked.
    ///
    /// # Errors
    /// [`CheckpointError::Io`]; a missing folder is an empty list.
    pub fn numbers(&self) -> Result<Vec<u64>, CheckpointError> {
        let mut numbers: Vec<u64> =
            self.entries()?.iter().filter_map(|name| number_of(name, "")).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Clears away what a crash left, then opens the newest snapshot that is whole. Damaged ones are named, and stay.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] where the folder itself cannot be used.
    pub fn recover(&self) -> Result<Recovery, CheckpointError> {
        for name in self.entries()? {
            let path = self.root.join(&name);
            if name.starts_with(NEW) {
                remove_folder(&path)?;
            } else if let Some(number) = number_of(&name, OLD) {
                let successor = self.folder("", number);
                if successor.exists() {
                    remove_folder(&path)?;
                } else {
                    fs::rename(&path, &successor).map_err(CheckpointError::io("rename", &path))?;
                }
            }
        }
        let mut skipped = Vec::new();
        for number in self.numbers()?.into_iter().rev() {
            match self.open(number) {
                Ok(snapshot) => return Ok(Recovery { snapshot: Some(snapshot), skipped }),
                Err(error) => skipped.push(error),
            }
        }
        Ok(Recovery { snapshot: None, skipped })
    }

    /// Opens one snapshot and checks every file's length and checksum.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], [`CheckpointError::Truncated`] or [`CheckpointError::Malformed`], naming the file.
    pub fn open(&self, number: u64) -> Result<Snapshot, CheckpointError> {
        let path = self.folder("", number);
        let manifest_path = path.join(STATE);
        let text = fs::read_to_string(&manifest_path)
            .map_err(CheckpointError::io("read", &manifest_path))?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| CheckpointError::malformed(&manifest_path, error.to_string()))?;
        for (name, expected) in &manifest.files {
            check(&path.join(name), expected)?;
        }
        Ok(Snapshot { number, path, state: manifest.state })
    }

    /// Removes all but the newest `keep` snapshots and those that `keep_also` lists (the best, say). Returns the
    /// numbers removed. Zero means to keep all.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn prune(&self, keep: usize, keep_also: &[u64]) -> Result<Vec<u64>, CheckpointError> {
        let mut numbers = self.numbers()?;
        if keep == 0 {
            return Ok(Vec::new());
        }
        numbers.truncate(numbers.len().saturating_sub(keep));
        numbers.retain(|number| !keep_also.contains(number));
        for &number in &numbers {
            remove_folder(&self.folder("", number))?;
        }
        Ok(numbers)
    }

    fn folder(&self, prefix: &str, number: u64) -> PathBuf {
        self.root.join(format!("{prefix}{number:06}"))
    }

    fn entries(&self) -> Result<Vec<String>, CheckpointError> {
        if self.root.exists() { file_names(&self.root) } else { Ok(Vec::new()) }
    }
}

impl Snapshot {
    /// The path of one of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The state that was saved with it.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] where it is not a `T`.
    pub fn state<T: DeserializeOwned>(&self) -> Result<T, CheckpointError> {
        T::deserialize(&self.state)
            .map_err(|error| CheckpointError::malformed(&self.path.join(STATE), error.to_string()))
    }
}

fn number_of(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn file_names(folder: &Path) -> Result<Vec<String>, CheckpointError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(CheckpointError::io("read", folder))? {
        let entry = entry.map_err(CheckpointError::io("read", folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn remove_folder(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CheckpointError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn record(path: &Path) -> Result<FileRecord, CheckpointError> {
    let mut file = File::open(path).map_err(CheckpointError::io("open", path))?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(CheckpointError::io("read", path))?;
        if read == 0 {
            return Ok(FileRecord { bytes, crc32: hasher.finalize() });
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

fn check(path: &Path, expected: &FileRecord) -> Result<(), CheckpointError> {
    let found = record(path)?;
    if found.bytes < expected.bytes {
        return Err(CheckpointError::Truncated {
            path: path.to_owned(),
            expected: expected.bytes,
            found: found.bytes,
        });
    }
    if found != *expected {
        return Err(CheckpointError::malformed(
            path,
            "its contents have changed since it was saved",
        ));
    }
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        inspect(path)?;
    }
    Ok(())
}
