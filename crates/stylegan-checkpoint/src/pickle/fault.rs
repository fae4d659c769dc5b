//! What can be wrong with a pickle.

/// Why a pickle cannot be read, or must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PickleFault {
    /// The bytes end too early.
    #[error("the file ends in the middle of {0}: it is truncated")]
    Truncated(&'static str),
    /// A call of something that is not in the table of known functions.
    #[error(
        "it wants to call `{0}`, which is not one of the few functions that build plain data; \
         it was refused, and nothing was run"
    )]
    Refused(String),
    /// More of something than is believed.
    #[error("it has {what} beyond the limit of {limit}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// A value that contains itself.
    #[error("a value in it contains itself, which weights never do")]
    Cyclic,
    /// Anything else.
    #[error("{0}")]
    Malformed(String),
}

impl PickleFault {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}
