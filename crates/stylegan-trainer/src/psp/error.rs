//! What can end a run, or keep it from beginning.

use std::path::PathBuf;

use stylegan::ModelError;
use stylegan_checkpoint::CheckpointError;
use stylegan_dataset::DatasetError;
use stylegan_psp::PspError;

use crate::run_dir::RunDirError;

/// A run, or a model, that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PspTrainError {
    /// The configuration.
    #[error("the configuration cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// The encoder, the task or its losses.
    #[error(transparent)]
    Psp(#[from] PspError),
    /// The images.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// A file of tensors.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The decoder.
    #[error(transparent)]
    Decoder(#[from] Box<ModelError>),
    /// A computation.
    #[error("a computation failed")]
    Compute(#[from] candle_core::Error),
    /// A decoder of images that are not square.
    #[error("the decoder's images are {height}x{width}, and the encoder is for square ones")]
    NotSquare {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A file that holds no encoder, identity network or backbone.
    #[error("{} holds no {what}: {reason}", path.display())]
    NotA {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is in it instead.
        reason: String,
    },
    /// An encoder alone, which needs a decoder beside it.
    #[error("{} holds an encoder without its decoder", path.display())]
    NoDecoder {
        /// The file.
        path: PathBuf,
    },
    /// The images are not of the wanted shape.
    #[error("the images are {found}, the decoder makes {expected}")]
    Images {
        /// What the data set gives.
        found: String,
        /// What is needed.
        expected: String,
    },
    /// Maps and images that do not belong together.
    #[error("the maps {maps} do not belong to the images: {reason}")]
    Maps {
        /// Where they are.
        maps: String,
        /// What differs.
        reason: String,
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
        source: Box<candle_core::Error>,
    },
    /// Every snapshot is damaged.
    #[error("no snapshot in {} can be used", path.display())]
    NoUsableSnapshot {
        /// The folder of snapshots.
        path: PathBuf,
        /// Why the newest cannot be used.
        source: Box<CheckpointError>,
    },
    /// Gradients stay infinite or undefined.
    #[error("training diverged at step {step}: the gradient of {parameter} is not finite")]
    Diverged {
        /// The step.
        step: u64,
        /// The parameter.
        parameter: String,
    },
}
