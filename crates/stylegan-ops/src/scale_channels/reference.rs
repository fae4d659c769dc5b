//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

pub(super) fn scale(x: &Tensor, s: &Tensor) -> Result<Tensor> {
    let (n, c) = s.dims2()?;
    x.broadcast_mul(&s.reshape((n, c, 1, 1))?)
}

pub(super) fn dot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.mul(b)?.sum((2, 3))
}
