//! The distance in plain candle operations: the executable specification, and what float64 and other devices use.

use candle_core::{Result, Tensor};

use super::EPSILON;

/// Features of unit length at every position.
fn normalized(x: &Tensor) -> Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(1)?.sqrt()?;
    x.broadcast_div(&(length + EPSILON)?)
}

/// `[N, C, H, W]` twice and `[C]` -> `[N]`.
pub(super) fn distance(a: &Tensor, b: &Tensor, w: &Tensor) -> Result<Tensor> {
    let squares = (normalized(a)? - normalized(b)?)?.sqr()?;
    squares.broadcast_mul(&w.reshape((1, w.elem_count(), 1, 1))?)?.sum(1)?.mean((1, 2))
}

/// The gradient with respect to w.
pub(super) fn weight_gradient(a: &Tensor, b: &Tensor, g: &Tensor) -> Result<Tensor> {
    let means = (normalized(a)? - normalized(b)?)?.sqr()?.mean((2, 3))?;
    means.broadcast_mul(&g.unsqueeze(1)?)?.sum(0)
}
