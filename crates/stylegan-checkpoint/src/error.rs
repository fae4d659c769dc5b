//! What can go wrong with a checkpoint.

use std::io;
use std::path::{Path, PathBuf};

use crate::Mismatch;
use crate::pickle::PickleFault;

/// A checkpoint that could not be written, read or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: "read", "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The file ends before its contents do.
    #[error("{} is truncated: it has {found} bytes of at least {expected}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that its header promises.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The file is not a checkpoint, or a damaged one.
    #[error("{} is not a valid checkpoint: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint's tensors are not those that were expected.
    #[error("{}{mismatch}", path.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default())]
    Mismatch {
        /// The file, where the tensors came from one.
        path: Option<PathBuf>,
        /// Everything that differs.
        mismatch: Box<Mismatch>,
    },
    /// A pickle or PyTorch file that cannot be read, or must not be.
    #[error("{} cannot be read (byte {at})", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The byte at which reading stopped.
        at: u64,
        /// Why.
        source: PickleFault,
    },
    /// A tensor could not be read from or moved to its device.
    #[error("tensor `{name}`")]
    Tensor {
        /// The tensor.
        name: String,
        /// Why.
        source: Box<candle_core::Error>,
    },
    /// Two tensors to be saved have the same name, or one has a name that the format reserves.
    #[error("tensor name `{name}` is taken twice or reserved")]
    Name {
        /// The name.
        name: String,
    },
    /// A tensor's type cannot be stored.
    #[error("tensor `{name}` has type {dtype}, which a checkpoint cannot hold")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
}

impl CheckpointError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.into() }
    }
}
