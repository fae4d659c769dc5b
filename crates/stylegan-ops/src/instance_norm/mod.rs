//! Instance normalization, alone and with a style (adaptive instance normalization).
//!
//! For each image n and channel c, over the positions of its plane, with the biased variance:
//!
//! ```text
//! h = (x - mean(x)) / sqrt(var(x) + eps)               instance_norm
//! y = h * (style[n, c] + 1) + style[n, C + c]          adain
//!
//! gx           = (style[n, c] + 1) / sqrt(var(x) + eps) * (g - mean(g) - h * mean(g * h))
//! gstyle[n, c] = sum(g * h)        gstyle[n, C + c] = sum(g)
//! ```
//!
//! Huang and Belongie 2017; Karras et al. 2019, equation 1, whose official implementation adds one to the scale so that a zero style leaves it alone.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::planes::{Planes, view};
use crate::precision::widened;
use cpu::Statistics;

/// x [N, C, H, W] -> [N, C, H, W]: every plane minus its mean, divided by `sqrt(variance + eps)`. The variance is the biased one.
///
/// Differentiable once.
///
/// # Errors
/// If x does not have four dimensions.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[3f32, 5.]]]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::instance_norm(&x, 0.0)?.flatten_all()?.to_vec1::<f32>()?, [-1., 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn instance_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    let planes = planes("instance_norm", x)?;
    match Form::of(&[x], &[]) {
        Form::Kernel => {
            x.contiguous()?.apply_op1(InstanceNorm { planes, eps, statistics: OnceLock::new() })
        }
        Form::Widened => widened([x], |[x]| instance_norm(x, eps)),
        Form::Reference => reference::instance_norm(x, eps),
    }
}

/// x [N, C, H, W], style [N, 2C] -> [N, C, H, W]: [`instance_norm`] of x, times `style[:, :C] + 1`, plus `style[:, C:]`.
///
/// Differentiable once, in x and in the style.
///
/// # Errors
/// If x does not have four dimensions or the style is not [N, 2C].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[3f32, 5.]]]], &Device::Cpu)?;
/// let style = Tensor::new(&[[1f32, 10.]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::adain(&x, &style, 0.0)?.flatten_all()?.to_vec1::<f32>()?, [8., 12.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn adain(x: &Tensor, style: &Tensor, eps: f64) -> Result<Tensor> {
    let planes = planes("adain", x)?;
    let expected = [planes.batch, 2 * planes.channels];
    if style.dims() != expected {
        bail!("adain: expected a style {expected:?} for x {:?}, got {:?}", x.dims(), style.dims());
    }
    match Form::of(&[x], &[style]) {
        Form::Kernel => {
            let op = Adain { planes, eps, statistics: OnceLock::new() };
            x.contiguous()?.apply_op2(&style.contiguous()?, op)
        }
        Form::Widened => widened([x, style], |[x, style]| adain(x, style, eps)),
        Form::Reference => reference::adain(x, style, eps),
    }
}

fn planes(op: &'static str, x: &Tensor) -> Result<Planes> {
    match *x.dims() {
        [batch, channels, height, width] => Ok(Planes { batch, channels, len: height * width }),
        ref other => bail!("{op}: expected x [N, C, H, W], got {other:?}"),
    }
}

struct InstanceNorm {
    planes: Planes,
    eps: f64,
    /// Kept by the forward pass for the backward pass, one entry a plane.
    statistics: OnceLock<Vec<Statistics>>,
}

impl CustomOp1 for InstanceNorm {
    fn name(&self) -> &'static str {
        "instance_norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, layout)?;
        let (y, statistics) = cpu::forward(x, None, &self.planes, self.eps);
        // A second forward pass of the same op sees the same argument.
        self.statistics.get_or_init(|| statistics);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, layout)?;
        let y = cuda::forward(device, x, None, &self.planes, self.eps)?;
        Ok(y.result(layout.shape()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if g.device().is_cuda() {
            return Ok(Some(cuda::backward(&g, x, None, &self.planes, self.eps)?.0));
        }
        let (gx, _) = cpu::backward(
            view(self.name(), &g)?.slice(),
            view(self.name(), x)?.slice(),
            None,
            known(self.name(), &self.statistics)?,
            &self.planes,
        );
        Tensor::from_vec(gx, x.shape().clone(), x.device()).map(Some)
    }
}

struct Adain {
    planes: Planes,
    eps: f64,
    /// Kept by the forward pass for the backward pass, one entry a plane.
    statistics: OnceLock<Vec<Statistics>>,
}

impl CustomOp2 for Adain {
    fn name(&self) -> &'static str {
        "adain"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        style: &CpuStorage,
        style_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let style = f32_slice(self.name(), style, style_layout)?;
        let (y, statistics) = cpu::forward(x, Some(style), &self.planes, self.eps);
        self.statistics.get_or_init(|| statistics);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        style: &CudaStorage,
        style_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, x_layout)?;
        let style = Elements::float32(self.name(), style, style_layout)?;
        let y = cuda::forward(device, x, Some(style), &self.planes, self.eps)?;
        Ok(y.result(x_layout.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        style: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if g.device().is_cuda() {
            let (gx, gstyle) = cuda::backward(&g, x, Some(style), &self.planes, self.eps)?;
            return Ok((x.track_op().then_some(gx), gstyle.filter(|_| style.track_op())));
        }
        let g = view(self.name(), &g)?;
        let x_view = view(self.name(), x)?;
        let statistics = known(self.name(), &self.statistics)?;
        let (gx, sums) = if x.track_op() {
            let style = view(self.name(), style)?;
            let style = Some(style.slice());
            let (gx, sums) =
                cpu::backward(g.slice(), x_view.slice(), style, statistics, &self.planes);
            (Some(Tensor::from_vec(gx, x.shape().clone(), x.device())?), sums)
        } else {
            (None, cpu::sums(g.slice(), x_view.slice(), statistics, &self.planes))
        };
        let gstyle = style.track_op().then(|| {
            let gstyle = cpu::style_gradient(&sums, &self.planes);
            Tensor::from_vec(gstyle, style.shape().clone(), style.device())
        });
        Ok((gx, gstyle.transpose()?))
    }
}

fn known<'a>(op: &str, statistics: &'a OnceLock<Vec<Statistics>>) -> Result<&'a [Statistics]> {
    match statistics.get() {
        Some(statistics) => Ok(statistics),
        None => bail!("{op}: backward before forward"),
    }
}
