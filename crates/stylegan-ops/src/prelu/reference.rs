//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

pub(super) fn prelu(x: &Tensor, slopes: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; x.rank()];
    shape[1] = x.dim(1)?;
    x.gt(0.0)?.where_cond(x, &x.broadcast_mul(&slopes.reshape(shape)?)?)
}
