//! The folder of one run.
//!
//! ```text
//! runs/00003-faces-32-f/
//!   config.toml      resolved, before the first step      .lock          held while a process trains here
//!   log.txt          what the terminal showed             stats.jsonl    a line of numbers a report
//!   reals.png        real images                          fakes-000120.png   the same latents all run
//!   snapshots/       see stylegan_checkpoint::Snapshots   tensorboard/   event files
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use stylegan_checkpoint::{CheckpointError, Snapshot, Snapshots, atomic_write};

use crate::RunError;

mod stats;

pub use stats::StatsFile;

/// A run directory that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunDirError {
    /// Another process trains in it.
    #[error("{} is in use by another run", path.display())]
    Locked {
        /// The run directory.
        path: PathBuf,
    },
    /// It holds no run.
    #[error("{} holds no run: there is no config.toml", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] CheckpointError),
}

impl RunDirError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// A run directory that this process has to itself, until the value is dropped or the process ends in any way.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// None where another rank of the same run has it.
    _lock: Option<File>,
}

impl RunDir {
    /// Makes the next directory under `root`, `00003-NAME` after `00002-...`, and locks it.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn create(root: &Path, name: &str) -> Result<Self, RunDirError> {
        fs::create_dir_all(root).map_err(RunDirError::io("create", root))?;
        let mut number = next_number(root)?;
        loop {
            let path = root.join(format!("{number:05}-{name}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::lock(path),
                // Another run was started in the meantime.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(RunDirError::io("create", &path)(error)),
            }
        }
    }

    /// Locks the directory `path`, which is made where there is none.
    ///
    /// # Errors
    /// [`RunDirError::Locked`] where another process, or another `RunDir` of this one, has it.
    pub fn at(path: &Path) -> Result<Self, RunDirError> {
        fs::create_dir_all(path).map_err(RunDirError::io("create", path))?;
        Self::lock(path.to_owned())
    }

    /// Locks the directory of an earlier run, to resume it.
    ///
    /// # Errors
    /// [`RunDirError::NotARun`] where it has no configuration, [`RunDirError::Locked`] where it is in use.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        if is_run(path) {
            Self::lock(path.to_owned())
        } else {
            Err(RunDirError::NotARun { path: path.to_owned() })
        }
    }

    /// The directory of a run that the first of several ranks has locked: this one reads there, and writes nothing.
    pub fn followed(path: &Path) -> Self {
        Self { path: path.to_owned(), _lock: None }
    }

    fn lock(path: PathBuf) -> Result<Self, RunDirError> {
        let file = path.join(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .map_err(RunDirError::io("open", &file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(RunDirError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(RunDirError::io("lock", &file)(error)),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a run was begun here: whether it has a configuration.
    pub fn is_begun(&self) -> bool {
        is_run(&self.path)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of `config.toml`.
    pub fn config_file(&self) -> PathBuf {
        self.file(CONFIG)
    }

    /// Writes `config.toml`, atomically: from then on, this is a run that can be resumed.
    ///
    /// # Errors
    /// [`RunDirError::Write`].
    pub fn write_config(&self, toml: &str) -> Result<(), RunDirError> {
        Ok(atomic_write(&self.config_file(), |writer| writer.write_all(toml.as_bytes()))?)
    }

    /// Its snapshots.
    pub fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.file("snapshots"))
    }

    /// The newest snapshot that is whole, and what to say of those that were passed over; none in a run that has not written any.
    ///
    /// # Errors
    /// [`RunError::NoUsableSnapshot`] where all are damaged: to begin anew would bury them.
    pub(crate) fn newest_snapshot(&self) -> Result<(Option<Snapshot>, Vec<String>), RunError> {
        let recovery = self.snapshots().recover()?;
        let mut skipped = recovery.skipped.into_iter();
        if recovery.snapshot.is_none()
            && let Some(source) = skipped.next()
        {
            let path = self.file("snapshots");
            return Err(RunError::NoUsableSnapshot { path, source: Box::new(source) });
        }
        let said = skipped.map(|error| format!("a snapshot was passed over: {error}"));
        Ok((recovery.snapshot, said.collect()))
    }

    /// The path of the grid of generated images after `kimg` thousand images.
    pub fn fakes_file(&self, kimg: u64) -> PathBuf {
        self.file(&format!("fakes-{kimg:06}.png"))
    }

    /// The folder of event files for TensorBoard.
    pub fn tensorboard_folder(&self) -> PathBuf {
        self.file("tensorboard")
    }

    /// Appends a line to `log.txt`.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn log(&self, line: &str) -> Result<(), RunDirError> {
        let path = self.file("log.txt");
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())
        };
        append().map_err(RunDirError::io("write", &path))
    }
}

const CONFIG: &str = "config.toml";

/// Whether a run was begun in a folder.
pub fn is_run(path: &Path) -> bool {
    path.join(CONFIG).is_file()
}

/// One more than the highest number of a run under `root`.
fn next_number(root: &Path) -> Result<u64, RunDirError> {
    let mut next = 0;
    for entry in fs::read_dir(root).map_err(RunDirError::io("read", root))? {
        let name = entry.map_err(RunDirError::io("read", root))?.file_name();
        let name = name.to_string_lossy();
        let number = name.split_once('-').and_then(|(digits, _)| digits.parse::<u64>().ok());
        next = next.max(number.map_or(0, |number| number.saturating_add(1)));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_numbered() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("runs");
        let first = RunDir::create(&root, "faces-32-f").unwrap();
        assert_eq!(first.path(), root.join("00000-faces-32-f"));
        fs::create_dir(root.join("00041-other")).unwrap();
        fs::create_dir(root.join("notes")).unwrap();
        let next = RunDir::create(&root, "faces-32-f").unwrap();
        assert_eq!(next.path(), root.join("00042-faces-32-f"));
    }

    #[test]
    fn a_run_has_its_directory_to_itself() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::at(root.path()).unwrap();
        let error = RunDir::at(root.path()).unwrap_err();
        assert!(matches!(&error, RunDirError::Locked { path } if path == root.path()));
        drop(run);
        RunDir::at(root.path()).unwrap();
    }

    #[test]
    fn only_a_run_is_resumed() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(RunDir::open(root.path()), Err(RunDirError::NotARun { .. })));
        let run = RunDir::at(root.path()).unwrap();
        assert!(!run.is_begun());
        run.write_config("seed = 1\n").unwrap();
        assert!(run.is_begun());
        drop(run);
        let run = RunDir::open(root.path()).unwrap();
        assert_eq!(fs::read_to_string(run.config_file()).unwrap(), "seed = 1\n");
    }

    #[test]
    fn the_log_grows() {
        let root = tempfile::tempdir().unwrap();
        let run = RunDir::at(root.path()).unwrap();
        run.log("one").unwrap();
        run.log("two").unwrap();
        assert_eq!(fs::read_to_string(run.file("log.txt")).unwrap(), "one\ntwo\n");
    }
}
