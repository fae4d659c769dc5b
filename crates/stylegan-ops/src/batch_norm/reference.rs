//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

use super::BatchStatistics;

/// The dimensions of images and positions.
fn others(x: &Tensor) -> Vec<usize> {
    (0..x.rank()).filter(|&dim| dim != 1).collect()
}

/// `[C]` as `[1, C, 1, 1]`, or `[1, C]`.
fn spread(t: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; x.rank()];
    shape[1] = x.dim(1)?;
    t.to_dtype(x.dtype())?.reshape(shape)
}

pub(super) fn statistics(x: &Tensor) -> Result<BatchStatistics> {
    let (found, _) = moments(x)?;
    Ok(BatchStatistics { mean: found.mean.detach(), variance: found.variance.detach() })
}

/// The statistics, and x without its mean.
fn moments(x: &Tensor) -> Result<(BatchStatistics, Tensor)> {
    let mean = x.mean_keepdim(others(x))?;
    let centred = x.broadcast_sub(&mean)?;
    let variance = centred.sqr()?.mean(others(x))?;
    Ok((BatchStatistics { mean: mean.flatten_all()?, variance }, centred))
}

pub(super) fn batch_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    statistics: &BatchStatistics,
    eps: f64,
    of_this_batch: bool,
) -> Result<Tensor> {
    let (centred, variance) = if of_this_batch {
        let (found, centred) = moments(x)?;
        (centred, found.variance)
    } else {
        (x.broadcast_sub(&spread(&statistics.mean, x)?)?, statistics.variance.clone())
    };
    let deviation = (spread(&variance, x)? + eps)?.sqrt()?;
    let h = centred.broadcast_div(&deviation)?;
    h.broadcast_mul(&spread(weight, x)?)?.broadcast_add(&spread(bias, x)?)
}
