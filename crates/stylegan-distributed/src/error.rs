//! What can go wrong between ranks.

use std::io;

/// Variables of the environment that do not say which rank this is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// Some are set, one that belongs to them is not.
    #[error("{present} is set, but {missing} is not")]
    Partial {
        /// One that is set.
        present: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A value that is no number.
    #[error("{name} is `{value}`, which is no number")]
    NotANumber {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A rank that the number of ranks does not have.
    #[error("{name} is {value}, but there are {size} ranks, counted from 0")]
    OutOfRange {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: usize,
        /// How many ranks there are.
        size: usize,
    },
    /// Two launchers that do not agree.
    #[error("{first} and {second} name different ranks, or different numbers of them")]
    Contradiction {
        /// A variable.
        first: &'static str,
        /// One of another launcher.
        second: &'static str,
    },
}

/// What can go wrong between ranks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DistributedError {
    /// The environment.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The first rank cannot be reached.
    #[error("cannot reach the first rank at {address}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The first rank cannot listen.
    #[error("the first rank cannot listen at {address}")]
    CannotListen {
        /// Host and port.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Not every rank came.
    #[error("{came} of {size} ranks came within {seconds} s")]
    Missing {
        /// Those that came.
        came: usize,
        /// All.
        size: usize,
        /// How long was waited.
        seconds: u64,
    },
    /// A rank that the others do not expect.
    #[error("a process came as rank {rank} of {size}, but {expected}")]
    Stranger {
        /// Its rank.
        rank: usize,
        /// How many ranks it says there are.
        size: usize,
        /// What is expected.
        expected: String,
    },
    /// A connection broke while the ranks met.
    #[error("the connection between the ranks broke")]
    Connection(#[from] io::Error),
    /// The transport sees other ranks than the environment.
    #[error("{transport} sees rank {rank} of {size}, but the environment says {expected}")]
    OtherRank {
        /// `MPI`.
        transport: &'static str,
        /// The rank that it sees.
        rank: usize,
        /// The number of ranks that it sees.
        size: usize,
        /// What the environment says.
        expected: String,
    },
    /// The transport failed.
    #[error("{transport} failed: {reason}")]
    Transport {
        /// `MPI`, `NCCL`, `the group of threads`.
        transport: &'static str,
        /// Its words.
        reason: String,
    },
    /// What should be the same on all ranks is not.
    #[error("rank {rank} has other {what} than the first rank")]
    Differ {
        /// The first rank that differs.
        rank: usize,
        /// What differs.
        what: String,
    },
    /// A computation.
    #[error("a computation failed")]
    Compute(#[from] candle_core::Error),
}
