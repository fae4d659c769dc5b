//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

use super::Kind;
use crate::flip_kernel;

pub(super) fn fused_kernel(w: &Tensor, kind: Kind) -> Result<Tensor> {
    match kind {
        Kind::Up { mirrored: true } => shifted_sum(&flip_kernel(w)?)?.transpose(0, 1)?.contiguous(),
        Kind::Up { mirrored: false } => shifted_sum(w)?.transpose(0, 1)?.contiguous(),
        Kind::Down => shifted_sum(w)? * 0.25,
    }
}

fn shifted_sum(w: &Tensor) -> Result<Tensor> {
    // one axis at a time: w[k] + w[k - 1] over K + 1 taps
    let rows = (w.pad_with_zeros(2, 0, 1)? + w.pad_with_zeros(2, 1, 0)?)?;
    rows.pad_with_zeros(3, 0, 1)? + rows.pad_with_zeros(3, 1, 0)?
}
