//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

pub(super) fn clamp(x: &Tensor, limit: f64) -> Result<Tensor> {
    let limited = x.detach().clamp(-limit, limit)?;
    within(&limited, limit)?.where_cond(x, &limited)
}

pub(super) fn clamp_vjp(g: &Tensor, y: &Tensor, limit: f64) -> Result<Tensor> {
    within(y, limit)?.where_cond(g, &g.zeros_like()?)
}

/// 1 where a number is within the limit.
fn within(y: &Tensor, limit: f64) -> Result<Tensor> {
    y.abs()?.lt(limit)
}
