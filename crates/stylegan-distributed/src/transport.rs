//! What carries sums between ranks.

use candle_core::Tensor;

use crate::DistributedError;

/// A way for the ranks of a group to add up tensors. All of them call the same operations in the same order.
pub trait Transport {
    /// This rank, from 0.
    fn rank(&self) -> usize;

    /// All ranks.
    fn size(&self) -> usize;

    /// Adds `own` `[n]`, `f32` and contiguous, up over all ranks: the same bits on each of them. The result is on the same device, and may be the
    /// storage of `own`.
    ///
    /// # Errors
    /// [`DistributedError::Transport`].
    fn sum(&self, own: Tensor) -> Result<Tensor, DistributedError>;

    /// Says that this rank ends in order, as all others do. A transport that is dropped without it must not wait for the others: they may be gone.
    ///
    /// # Errors
    /// [`DistributedError::Transport`].
    fn finish(&self) -> Result<(), DistributedError> {
        Ok(())
    }
}
