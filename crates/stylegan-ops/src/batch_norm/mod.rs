//! Batch normalization with statistics that are given or the batch's own.
//!
//! For each channel c, over all images and positions, with the biased variance:
//!
//! ```text
//! h = (x - mean[c]) / sqrt(variance[c] + eps)        y = h * weight[c] + bias[c]
//!
//! gx         = weight[c] / sqrt(variance[c] + eps) * (g - mean(g) - h * mean(g * h))     statistics of this batch
//! gx         = weight[c] / sqrt(variance[c] + eps) * g                                   statistics that are given
//! gweight[c] = sum(g * h)        gbias[c] = sum(g)
//! ```
//!
//! Ioffe and Szegedy 2015, algorithms 1 and 2.

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{Form, f32_slice};
use crate::planes::{Planes, per_channel, view};
use crate::precision::{wide, widened};
use cpu::Moments;

/// Mean and biased variance of every channel, each `[C]`; constants to a backward pass.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// The mean.
    pub mean: Tensor,
    /// The mean squared distance from it.
    pub variance: Tensor,
}

/// The statistics of x [N, C] or [N, C, H, W] over images and positions. They carry no gradient: [`batch_norm`] accounts for them.
///
/// # Errors
/// If x has another number of dimensions, or no element.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, 0.], [3., 0.]], &Device::Cpu)?;
/// let found = stylegan_ops::batch_statistics(&x)?;
/// assert_eq!(found.mean.to_vec1::<f32>()?, [2., 0.]);
/// assert_eq!(found.variance.to_vec1::<f32>()?, [1., 0.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn batch_statistics(x: &Tensor) -> Result<BatchStatistics> {
    let planes = Planes::of("batch_statistics", x)?;
    if planes.elements() == 0 {
        bail!("batch_statistics: expected at least one element, got x {:?}", x.dims());
    }
    let x = wide(&x.detach())?;
    if Form::on_cpu(&[&x]) != Form::Kernel {
        return reference::statistics(&x);
    }
    let x = x.contiguous()?;
    let (mean, variance) = cpu::statistics(view("batch_statistics", &x)?.slice(), &planes);
    let tensor = |values| Tensor::from_vec(values, planes.channels, x.device());
    Ok(BatchStatistics { mean: tensor(mean)?, variance: tensor(variance)? })
}

/// x [N, C] or [N, C, H, W] normalized with `statistics`, times `weight` `[C]`, plus `bias` `[C]`. With `of_this_batch`, gradients flow through
/// the statistics too, which must then be those of x.
///
/// Differentiable once, in x, weight and bias.
///
/// # Errors
/// If x has another number of dimensions, or one of the others is not `[C]`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32], [3.]], &Device::Cpu)?;
/// let (two, ten) = (Tensor::new(&[2f32], &Device::Cpu)?, Tensor::new(&[10f32], &Device::Cpu)?);
/// let own = stylegan_ops::batch_statistics(&x)?;
/// let y = stylegan_ops::batch_norm(&x, &two, &ten, &own, 0.0, true)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [8., 12.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn batch_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    statistics: &BatchStatistics,
    eps: f64,
    of_this_batch: bool,
) -> Result<Tensor> {
    let planes = Planes::of("batch_norm", x)?;
    let BatchStatistics { mean, variance } = statistics;
    for (name, tensor) in
        [("weight", weight), ("bias", bias), ("mean", mean), ("variance", variance)]
    {
        if tensor.dims() != [planes.channels] {
            let (expected, got) = ([planes.channels], tensor.dims());
            bail!("batch_norm: expected a {name} {expected:?} for x {:?}, got {got:?}", x.dims());
        }
    }
    match Form::on_cpu(&[x, weight, bias, mean, variance]) {
        Form::Kernel => {}
        Form::Widened => {
            return widened([x, weight, bias], |[x, weight, bias]| {
                let statistics = BatchStatistics { mean: wide(mean)?, variance: wide(variance)? };
                batch_norm(x, weight, bias, &statistics, eps, of_this_batch)
            });
        }
        Form::Reference => {
            return reference::batch_norm(x, weight, bias, statistics, eps, of_this_batch);
        }
    }
    let moments = mean.to_vec1::<f32>()?.into_iter().zip(variance.to_vec1::<f32>()?);
    let moments = moments.map(|(mean, variance)| Moments::new(mean, variance, eps)).collect();
    let op = BatchNorm { planes, moments, of_this_batch };
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

struct BatchNorm {
    planes: Planes,
    /// One a channel.
    moments: Vec<Moments>,
    of_this_batch: bool,
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let weight = f32_slice(self.name(), weight, weight_layout)?;
        let bias = f32_slice(self.name(), bias, bias_layout)?;
        let y = cpu::forward(x, weight, bias, &self.moments, &self.planes);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        let g = view(self.name(), &g)?;
        let x_view = view(self.name(), x)?;
        let (moments, planes) = (&self.moments, &self.planes);
        let scaled = weight.track_op() || bias.track_op();
        let sums = if scaled || self.of_this_batch {
            cpu::sums(g.slice(), x_view.slice(), moments, planes)
        } else {
            Vec::new()
        };
        let gx = if x.track_op() {
            let weight = view(self.name(), weight)?;
            let through = self.of_this_batch.then_some(sums.as_slice());
            let gx =
                cpu::backward(g.slice(), x_view.slice(), weight.slice(), moments, through, planes);
            Some(Tensor::from_vec(gx, x.shape().clone(), x.device())?)
        } else {
            None
        };
        let of = |parameter: &Tensor, which: usize| {
            let wanted = parameter.track_op();
            wanted.then(|| per_channel(&sums, which, 1.0, parameter.device())).transpose()
        };
        Ok((gx, of(weight, 1)?, of(bias, 0)?))
    }
}
