//! What can end a run of any training.

use std::path::PathBuf;

use stylegan_checkpoint::CheckpointError;
use stylegan_dataset::DatasetError;
use stylegan_distributed::DistributedError;

use crate::run_dir::RunDirError;

/// A run, of a generator or of an encoder, that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The images.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// A file of tensors.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The other ranks.
    #[error(transparent)]
    Ranks(#[from] DistributedError),
    /// A computation.
    #[error("a computation failed")]
    Compute(#[from] candle_core::Error),
    /// The run was begun with other images.
    #[error("{} was trained with other images", run.display())]
    OtherImages {
        /// The run directory.
        run: PathBuf,
    },
    /// A snapshot is of networks of another configuration.
    #[error("{} does not fit the configuration of this run", path.display())]
    OtherNetworks {
        /// The file.
        path: PathBuf,
        /// What differs.
        source: Box<candle_core::Error>,
    },
    /// Every snapshot of the run is damaged.
    #[error("no snapshot in {} can be used", path.display())]
    NoUsableSnapshot {
        /// The folder of snapshots.
        path: PathBuf,
        /// Why the newest cannot be used.
        source: Box<CheckpointError>,
    },
}
