//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

pub(crate) fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    x.gt(0.0)?.where_cond(x, &(x * slope)?)
}

pub(super) fn leaky_relu_vjp(g: &Tensor, y: &Tensor, slope: f64) -> Result<Tensor> {
    y.gt(0.0)?.where_cond(g, &(g * slope)?)
}
