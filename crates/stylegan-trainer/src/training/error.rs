//! What can end a run.

use std::path::PathBuf;

use stylegan_checkpoint::Mismatch;

use crate::config::ConfigError;
use crate::estimate::Misfit;
use crate::run_error::RunError;

/// A run that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What can end a run of any training.
    #[error(transparent)]
    Run(RunError),
    /// A GPU that is too small.
    #[error(
        "{part} images at a time at {resolution}x{resolution} take about {:.1} GB, and {:.1} GB of the GPU are free",
        gigabytes(.0.needed), gigabytes(.0.free), part = .0.part, resolution = .0.resolution
    )]
    Memory(Misfit),
    /// The generator's configuration, as it would be stored with it.
    #[error("the generator's configuration cannot be stored")]
    Metadata(#[from] serde_json::Error),
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
    /// Gradients stay infinite or undefined whatever is tried.
    #[error("training diverged at {images} images: gradients are not finite, roll-backs included")]
    Diverged {
        /// Real images seen.
        images: u64,
    },
}

fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

impl<E: Into<RunError>> From<E> for TrainError {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
