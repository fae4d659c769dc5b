//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

use crate::leaky_relu::reference_form as leaky_relu;

pub(crate) fn bias_act(
    x: &Tensor,
    bias: &Tensor,
    bias_scale: f64,
    slope: Option<f64>,
) -> Result<Tensor> {
    let mut shape = vec![1; x.rank()];
    shape[1] = x.dim(1)?;
    let x = x.broadcast_add(&(bias * bias_scale)?.reshape(shape)?)?;
    match slope {
        Some(slope) => leaky_relu(&x, slope),
        None => Ok(x),
    }
}
