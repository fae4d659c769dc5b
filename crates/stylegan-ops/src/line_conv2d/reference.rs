//! The patches in plain candle operations: the executable specification, and what float64 and other devices use.

use candle_core::{Result, Tensor};

/// What every tap reads, [N, C K, H, W].
pub(super) fn patches(x: &Tensor, taps: usize, axis: usize) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let padded = x.pad_with_zeros(axis, taps / 2, taps / 2)?;
    let size = x.dim(axis)?;
    let read = (0..taps).map(|tap| padded.narrow(axis, tap, size)).collect::<Result<Vec<_>>>()?;
    Tensor::stack(&read, 2)?.reshape((n, c * taps, h, w))
}
