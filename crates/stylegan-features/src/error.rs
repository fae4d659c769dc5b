//! What can go wrong with a feature network.

use stylegan_checkpoint::{CheckpointError, Mismatch};

/// An error that names the network, its file or the images it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// A file of weights cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of weights that holds something else than tensors under names.
    #[error("{path} holds no weights: {reason}")]
    NoWeights {
        /// The file.
        path: String,
        /// What it holds.
        reason: String,
    },
    /// The weights are not those of the network: everything that differs.
    #[error("{origin} does not hold {network}: {mismatch}")]
    Mismatch {
        /// Where the weights came from.
        origin: String,
        /// The network that was to be made of them.
        network: &'static str,
        /// What is missing, unexpected or of another shape.
        mismatch: Box<Mismatch>,
    },
    /// Images of a shape that the network cannot look at.
    #[error("{network}: expected {expected}, got {found:?}")]
    Input {
        /// The network.
        network: &'static str,
        /// What it looks at.
        expected: String,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// A file cannot be read for its checksum.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Compute(#[from] candle_core::Error),
}
