//! The executable specification, in plain candle operations.

use candle_core::{Result, Tensor};

use super::{EPS, Groups};

/// x as [G, M, F, P], its deviations d from the mean over the group, and s [1, M, F, P].
fn deviations(x: &Tensor, groups: &Groups) -> Result<(Tensor, Tensor)> {
    let run = groups.run * groups.positions();
    let x = x.reshape((groups.members, groups.count, groups.features, run))?;
    let d = x.broadcast_sub(&x.mean_keepdim(0)?)?;
    let s = (d.sqr()?.mean_keepdim(0)? + EPS)?.sqrt()?;
    Ok((d, s))
}

pub(super) fn minibatch_stddev(x: &Tensor, groups: &Groups) -> Result<Tensor> {
    let (_, s) = deviations(x, groups)?;
    let maps = s.mean_keepdim(3)?.reshape((1, groups.count, groups.features, 1, 1))?;
    let shape = (groups.members, groups.count, groups.features, groups.height, groups.width);
    let maps = maps.broadcast_as(shape)?.contiguous()?;
    let shape = (groups.batch(), groups.features, groups.height, groups.width);
    Tensor::cat(&[x, &maps.reshape(shape)?], 1)
}

/// Written with operations whose own gradients candle knows, so that it can be differentiated in x and g.
pub(super) fn minibatch_stddev_vjp(x: &Tensor, g: &Tensor, groups: &Groups) -> Result<Tensor> {
    let (d, s) = deviations(x, groups)?;
    let maps = g.narrow(1, groups.channels(), groups.features)?;
    let shape = (groups.members, groups.count, groups.features, groups.positions());
    let t = maps.reshape(shape)?.sum_keepdim(3)?.sum_keepdim(0)?;
    let through = (d.broadcast_div(&s)?.broadcast_mul(&t)? * groups.weight())?;
    g.narrow(1, 0, groups.channels())? + through.reshape(groups.input_shape())?
}
