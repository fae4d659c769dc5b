//! What can go wrong with a measurement.

use std::ops::Range;
use std::path::{Path, PathBuf};

use stylegan_features::FeatureError;

/// An error that names the images, the network or the file it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// A source did not give the images it was asked for.
    #[error("images {} to {} of {images}", range.start, range.end.saturating_sub(1))]
    Source {
        /// The source, as it calls itself.
        images: String,
        /// The images that were asked for.
        range: Range<usize>,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A batch of another shape than was asked for, or than the images before it.
    #[error("images {} to {} of {images}: expected {expected}, got the shape {found:?}", range.start, range.end.saturating_sub(1))]
    Shape {
        /// The source.
        images: String,
        /// The images that were asked for.
        range: Range<usize>,
        /// What was expected.
        expected: String,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// An image, or what a network makes of it, holds a NaN or an infinity.
    #[error("{what} {index} of {images} holds a NaN or an infinity")]
    NotFinite {
        /// What is not finite: "image", "features of image", "path".
        what: &'static str,
        /// Its index in the source.
        index: usize,
        /// The source.
        images: String,
    },
    /// Fewer samples than the protocol can be computed from.
    #[error("{metric} needs at least {needed} {what}, got {found}")]
    TooFew {
        /// The metric.
        metric: &'static str,
        /// What there is too little of: "images", "pairs".
        what: &'static str,
        /// The least number.
        needed: usize,
        /// The number that there is.
        found: usize,
    },
    /// A setting that a protocol does not allow, or that does not fit the images.
    #[error("{0}")]
    Settings(String),
    /// A cached evaluation cannot be read or written.
    #[error("cannot {action} the evaluation's cache {}", path.display())]
    Cache {
        /// What was tried: "read", "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A matrix whose eigenvalues could not be computed.
    #[error("{metric}: the eigenvalues of a {size}x{size} matrix did not converge")]
    Eigenvalues {
        /// The metric.
        metric: &'static str,
        /// Rows of the matrix.
        size: usize,
    },
    /// The person who watches asked to stop; what is cached stays.
    #[error("stopped after {done} of {total} {what}")]
    Stopped {
        /// What was being done: "images", "pairs".
        what: &'static str,
        /// How many were done.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// A feature network refused.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// A tensor operation failed.
    #[error(transparent)]
    Compute(#[from] candle_core::Error),
}

impl MetricError {
    pub(crate) fn cache(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> MetricError {
        let path = path.to_owned();
        move |source| Self::Cache { action, path, source }
    }
}
