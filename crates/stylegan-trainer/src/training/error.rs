//! What can end a run.

use std::path::PathBuf;

use stylegan_checkpoint::{CheckpointError, Mismatch};
use stylegan_dataset::DatasetError;

use crate::config::ConfigError;
use crate::run_dir::RunDirError;

/// A run that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The images.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// A snapshot.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The generator's configuration, as it would be stored with it.
    #[error("the generator's configuration cannot be stored")]
    Metadata(#[from] serde_json::Error),
    /// A computation.
    #[error("a computation failed")]
    Compute(#[from] candle_core::Error),
    /// The images are not of the networks' shape.
    #[error("the images are {found}, the networks take {expected}")]
    Images {
        /// What the data set gives.
        found: String,
        /// What the configuration says.
        expected: String,
    },
    /// Labels are asked for, but there are none.
    #[error("the data set has no labels: {dataset}")]
    NoLabels {
        /// The data set in words.
        dataset: String,
    },
    /// Labels that are not one class an image.
    #[error(
        "the label of image {index} is not one class: its values add up to {sum}, and loss.class_loss \
         = \"softmax\" wants a single 1; for attributes, set loss.class_loss=sigmoid"
    )]
    NotOneClass {
        /// The image's number.
        index: usize,
        /// The sum of its label.
        sum: f32,
    },
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
        source: candle_core::Error,
    },
    /// The model to begin with shares layers, but of other widths.
    #[error("{} cannot be begun with: {mismatch}", path.display())]
    OtherShapes {
        /// The file.
        path: PathBuf,
        /// What differs.
        mismatch: Box<Mismatch>,
    },
    /// The model to begin with shares nothing with this one.
    #[error("{} cannot be begun with: it shares no tensor with this network", path.display())]
    NothingShared {
        /// The file.
        path: PathBuf,
    },
    /// Every snapshot of the run is damaged.
    #[error("no snapshot in {} can be used", path.display())]
    NoUsableSnapshot {
        /// The folder of snapshots.
        path: PathBuf,
        /// Why the newest cannot be used.
        source: CheckpointError,
    },
    /// Gradients stay infinite or undefined whatever is tried.
    #[error("training diverged at {images} images: gradients are not finite, roll-backs included")]
    Diverged {
        /// Real images seen.
        images: u64,
    },
}
