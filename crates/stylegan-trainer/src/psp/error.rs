//! What can end a run, or keep it from beginning.

use std::path::PathBuf;

use stylegan::ModelError;
use stylegan_psp::PspError;

use crate::run_error::RunError;

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
    /// What can end a run of any training.
    #[error(transparent)]
    Run(RunError),
    /// The decoder.
    #[error(transparent)]
    Decoder(#[from] Box<ModelError>),
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
    /// Gradients stay infinite or undefined.
    #[error("training diverged at step {step}: the gradient of {parameter} is not finite")]
    Diverged {
        /// The step.
        step: u64,
        /// The parameter.
        parameter: String,
    },
}

impl<E: Into<RunError>> From<E> for PspTrainError {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
