//! What can be wrong with a schedule.

/// A schedule's configuration that cannot be followed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A resolution is not a power of two, or below the networks' first block.
    #[error("{key} is {value}; a resolution must be a power of two, at least 4")]
    NotPowerOfTwo {
        /// The key of the configuration.
        key: &'static str,
        /// What it held.
        value: usize,
    },
    /// Training would start above the final resolution.
    #[error("initial_resolution is {initial}, above the final resolution {resolution}")]
    InitialAboveFinal {
        /// The resolution to start from.
        initial: usize,
        /// The final resolution.
        resolution: usize,
    },
    /// A number is out of range: negative, zero where it must not be, or not finite.
    #[error("{key} is {value}; it must be {expected}")]
    OutOfRange {
        /// The key of the configuration.
        key: &'static str,
        /// What it held.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// There is no official table for this number of GPUs.
    #[error("no official batch sizes for {gpus} GPUs; there are tables for 1, 2, 4 and 8")]
    UnknownGpus {
        /// The number asked for.
        gpus: usize,
    },
}
