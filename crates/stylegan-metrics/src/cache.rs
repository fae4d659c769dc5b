//! What a long measurement keeps, so that it can be interrupted.

use crate::MetricError;

/// Numbers by block, of one measurement: what is in it need not be computed again.
///
/// Whoever keeps it (a file, memory) sees to it that a cache is only used by the measurement that filled it: the same images, networks, settings
/// and seed.
pub trait BlockCache {
    /// The numbers of a block, if they are there.
    fn get(&mut self, block: u64) -> Option<Vec<f32>>;

    /// Keeps the numbers of a block.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn put(&mut self, block: u64, values: &[f32]) -> Result<(), MetricError>;
}

/// Keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCache;

impl BlockCache for NoCache {
    fn get(&mut self, _block: u64) -> Option<Vec<f32>> {
        None
    }

    fn put(&mut self, _block: u64, _values: &[f32]) -> Result<(), MetricError> {
        Ok(())
    }
}
