//! What can go wrong with another program's checkpoint.

use std::path::PathBuf;

use stylegan_checkpoint::{CheckpointError, Mismatch};

use crate::Role;

/// A file that could not be recognised, converted or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file itself.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file that can be read, but whose dialect is not known.
    #[error("{}: not a checkpoint of a known dialect: it holds {held}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        held: String,
    },
    /// The network that was asked for is not in the file.
    #[error("{}: this {dialect} file has no {role}; it holds {held}", path.display())]
    NoSuchNetwork {
        /// The file.
        path: PathBuf,
        /// Its dialect.
        dialect: String,
        /// What was asked for.
        role: Role,
        /// What there is.
        held: String,
    },
    /// A network that is recognised, but cannot be had exactly.
    #[error("{}: this {dialect} network cannot be converted: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Its dialect.
        dialect: String,
        /// Why.
        reason: String,
    },
    /// Tensors that do not fit the network they are said to be.
    #[error("{}, {network} ({dialect}): {mismatch}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Its dialect.
        dialect: String,
        /// Which of its networks.
        network: String,
        /// Everything that differs.
        mismatch: Box<Mismatch>,
    },
    /// A native model that this format cannot express.
    #[error("{}: cannot be written as {format}: {reason}", path.display())]
    Inexpressible {
        /// The model.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// Why.
        reason: String,
    },
    /// A file that is no model of this project.
    #[error("{}: not a model that can be exported: {reason}", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A computation failed.
    #[error("a tensor could not be computed")]
    Compute(#[from] candle_core::Error),
}
