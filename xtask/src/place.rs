//! Where a run goes: a new folder, one that was named, or one with a run that is resumed.

use std::fs;
use std::path::{Path, PathBuf};

use stylegan_trainer::RunError;
use stylegan_trainer::run_dir::{RunDir, RunDirError};

use crate::failure::Failure;
use crate::model;
use crate::ranks;

/// Where a run goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// The next number under the folder of runs, and a name.
    New(String),
    /// A folder without a run.
    At(PathBuf),
    /// A folder with one.
    Resume(PathBuf),
}

impl Place {
    /// A folder that a new run may take: none, or an empty one.
    ///
    /// # Errors
    ///
    /// When there is something else in it.
    pub fn unused(path: &Path) -> Result<Self, Failure> {
        let mut entries = fs::read_dir(path).into_iter().flatten().flatten();
        if path.is_file() || entries.any(|entry| entry.file_name() != ".lock") {
            let said = format!("`{}` is no run, and not empty", path.display());
            return Err(Failure::user(said).hint("name a run to resume, or a folder for a new one"));
        }
        Ok(Self::At(path.to_path_buf()))
    }

    /// The run's folder, locked. One that is resumed is locked before `prepare`, and a new one begun after it: images that cannot be
    /// read leave nothing behind.
    ///
    /// # Errors
    ///
    /// Those of `prepare`, and of the folder.
    pub fn around<T>(
        &self,
        prepare: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<(RunDir, T), Failure> {
        let of_folder = |error| failure(RunError::RunDir(error));
        if let Self::Resume(path) = self {
            let run = RunDir::open(path).map_err(of_folder)?;
            return Ok((run, prepare()?));
        }
        let prepared = prepare()?;
        let run = match self {
            Self::New(name) => RunDir::create(Path::new(model::RUNS), name),
            Self::At(path) | Self::Resume(path) => RunDir::at(path),
        };
        Ok((run.map_err(of_folder)?, prepared))
    }
}

/// Whose mistake it is that a run cannot begin or go on, and what to try.
pub fn failure(error: RunError) -> Failure {
    let hint = match &error {
        RunError::Compute(_) => return Failure::program(error),
        RunError::Ranks(_) => ranks::HINT,
        RunError::Dataset(error) => error.hint().unwrap_or("name a folder of images with --data"),
        RunError::RunDir(RunDirError::Locked { .. }) => {
            "wait for the other run to end, or name another folder with --run"
        }
        RunError::RunDir(_) => "name another folder with --run",
        RunError::OtherImages { .. } => {
            "name the images that the run was begun with, or begin another run"
        }
        RunError::OtherNetworks { .. } => {
            "resume without changing the networks, or begin another run"
        }
        RunError::NoUsableSnapshot { .. } => {
            "restore a snapshot from elsewhere, or begin another run"
        }
        _ => {
            "check the path, that the disk has room and that the folder is writable; snapshots that were whole before still are"
        }
    };
    let hint = hint.to_owned();
    Failure::user_error(error).hint(hint)
}
