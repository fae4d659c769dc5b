//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

pub(super) fn instance_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let flat = x.reshape((n, c, h * w))?;
    let centred = flat.broadcast_sub(&flat.mean_keepdim(2)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(2)? + eps)?.sqrt()?;
    centred.broadcast_div(&deviation)?.reshape((n, c, h, w))
}

pub(super) fn adain(x: &Tensor, style: &Tensor, eps: f64) -> Result<Tensor> {
    let (n, c, _, _) = x.dims4()?;
    let scale = (style.narrow(1, 0, c)? + 1.0)?.reshape((n, c, 1, 1))?;
    let shift = style.narrow(1, c, c)?.reshape((n, c, 1, 1))?;
    instance_norm(x, eps)?.broadcast_mul(&scale)?.broadcast_add(&shift)
}
