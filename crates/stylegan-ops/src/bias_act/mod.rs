//! Bias and activation in one pass.
//!
//! ```text
//! y[n,c,..] = f(x[n,c,..] + bias_scale * bias[c])        f: leaky ReLU, or nothing
//! gx = g where y > 0, slope * g elsewhere                gbias[c] = bias_scale * sum over n,.. of gx
//! ```
//!
//! `bias_scale` is the learning rate multiplier of the layer (Karras et al. 2019, appendix C: 0.01 in the mapping network, else 1).

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::{Elements, scaled};
use crate::kernel::{Form, f32_slice};
use crate::leaky_relu::check_slope;
use crate::planes::{Planes, per_channel, view};
use crate::precision::widened;

pub(crate) use reference::bias_act as reference_form;

/// x [N, C] or [N, C, H, W] plus `bias_scale` times bias `[C]`, through a leaky ReLU if `slope` is given.
///
/// Differentiable in x and bias; for gradients of gradients write the first one with [`leaky_relu_vjp`](crate::leaky_relu_vjp)
/// on this function's output.
///
/// # Errors
/// If x has another number of dimensions, the bias is not `[C]`, or the slope is negative.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, -4.]], &Device::Cpu)?;
/// let bias = Tensor::new(&[10f32, 20.], &Device::Cpu)?;
/// let y = stylegan_ops::bias_act(&x, &bias, 0.1, Some(0.5))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[2., -1.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn bias_act(x: &Tensor, bias: &Tensor, bias_scale: f64, slope: Option<f64>) -> Result<Tensor> {
    let planes = Planes::of("bias_act", x)?;
    check_channels("bias_act", "bias", bias, planes.channels)?;
    if let Some(slope) = slope {
        check_slope("bias_act", slope)?;
    }
    match Form::of(&[x], &[bias]) {
        Form::Kernel => {
            x.contiguous()?.apply_op2(&bias.contiguous()?, BiasAct { planes, bias_scale, slope })
        }
        Form::Widened => widened([x, bias], |[x, bias]| bias_act(x, bias, bias_scale, slope)),
        Form::Reference => reference::bias_act(x, bias, bias_scale, slope),
    }
}

/// Refuses a parameter that is not one number per channel.
pub(crate) fn check_channels(
    op: &'static str,
    what: &str,
    parameter: &Tensor,
    channels: usize,
) -> Result<()> {
    if parameter.dims() != [channels] {
        bail!("{op}: expected {what} [{channels}], got {:?}", parameter.dims());
    }
    Ok(())
}

pub(crate) struct BiasAct {
    pub planes: Planes,
    pub bias_scale: f64,
    pub slope: Option<f64>,
}

impl CustomOp2 for BiasAct {
    fn name(&self) -> &'static str {
        "bias_act"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let bias = f32_slice(self.name(), bias, bias_layout)?;
        let scale = self.bias_scale as f32;
        let y = cpu::forward(x, bias, &self.planes, scale, self.slope.map(|slope| slope as f32));
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, x_layout)?;
        let bias = Elements::float32(self.name(), bias, bias_layout)?;
        Ok(cuda::forward(device, x, bias, self)?.result(x_layout.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if g.device().is_cuda() {
            let (gx, sums) = cuda::backward(&g, y, self, bias.track_op())?;
            let gbias = sums.map(|sums| scaled(sums, self.bias_scale)).transpose()?;
            return Ok((x.track_op().then_some(gx), gbias));
        }
        let g_view = view(self.name(), &g)?;
        let (gx, sums) = match self.slope {
            // Without an activation the gradient passes through, and its sums alone need work.
            None => {
                let sums = bias.track_op().then(|| cpu::channel_sums(g_view.slice(), &self.planes));
                (g.clone(), sums)
            }
            Some(slope) => {
                let y = view(self.name(), y)?;
                let (slope, with_sums) = (slope as f32, bias.track_op());
                let (gx, sums) =
                    cpu::backward(g_view.slice(), y.slice(), &self.planes, slope, with_sums);
                (Tensor::from_vec(gx, x.shape().clone(), x.device())?, sums)
            }
        };
        let gbias = sums.map(|sums| per_channel(&sums, 0, self.bias_scale, bias.device()));
        Ok((x.track_op().then_some(gx), gbias.transpose()?))
    }
}
