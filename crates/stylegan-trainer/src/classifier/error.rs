//! Classifiers that cannot be trained or used.

use std::path::PathBuf;

use stylegan_checkpoint::CheckpointError;
use stylegan_dataset::DatasetError;

/// A classifier that cannot be trained, saved or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// The images.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Images without labels to learn from.
    #[error("the data set has no labels: {dataset}")]
    NoLabels {
        /// The data set in words.
        dataset: String,
    },
    /// Too few images to learn from some and judge by others.
    #[error("{images} images are too few: classifiers need at least {needed}")]
    TooFew {
        /// How many there are.
        images: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that holds no classifier.
    #[error("{} holds no classifier: {problem}", path.display())]
    NotAClassifier {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// A folder without classifiers.
    #[error("there are no classifiers in {}", folder.display())]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// Classifiers of one folder that were trained on different images.
    #[error("{} was trained on {found}, the others in its folder on {expected}", path.display())]
    Mixed {
        /// The file.
        path: PathBuf,
        /// Its data set.
        found: String,
        /// That of the first.
        expected: String,
    },
    /// The description that is stored with a classifier.
    #[error("the classifier's description cannot be stored")]
    Metadata(#[from] serde_json::Error),
    /// A computation.
    #[error("a computation failed")]
    Compute(#[from] candle_core::Error),
}
