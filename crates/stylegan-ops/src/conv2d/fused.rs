//! A convolution whose result only bias and activation read.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
#[cfg(feature = "cudnn")]
use candle_core::{CudaStorage, backend::BackendStorage};

use super::{Geometry, conv2d, cpu};
#[cfg(feature = "cudnn")]
use super::{cuda, gradients};
#[cfg(feature = "cudnn")]
use crate::bias_act::{BiasAct, cuda as bias_act_on_gpu};
use crate::bias_act::{bias_act, check_channels};
#[cfg(feature = "cudnn")]
use crate::kernel::cuda::{Elements, scaled};
use crate::kernel::{Form, f32_slice};
use crate::leaky_relu::check_slope;
use crate::noise_bias_act::cpu::in_place;
use crate::planes::{Planes, per_channel, view};
use crate::precision::matching;

const NAME: &str = "conv2d_bias_act";

/// [`conv2d`] followed by [`bias_act`]: `f(conv2d(x, w) + bias_scale * bias)`, to the same bits. The map between the two is never kept.
///
/// Differentiable in x, w and bias; for gradients of gradients write the first one with [`leaky_relu_vjp`](crate::leaky_relu_vjp) on this
/// function's output and [`conv2d_input_vjp`](super::conv2d_input_vjp).
///
/// # Errors
/// As [`conv2d`] and [`bias_act`].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, -4.]]]], &Device::Cpu)?;
/// let (w, bias) = (Tensor::new(&[[[[3f32]]]], &Device::Cpu)?, Tensor::new(&[2f32], &Device::Cpu)?);
/// let y = stylegan_ops::conv2d_bias_act(&x, &w, (1, 0), 1.0, &bias, 0.5, Some(0.25))?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [4., -2.75]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d_bias_act(
    x: &Tensor,
    w: &Tensor,
    (stride, padding): (usize, usize),
    scale: f64,
    bias: &Tensor,
    bias_scale: f64,
    slope: Option<f64>,
) -> Result<Tensor> {
    let w = &matching(x, w)?;
    if super::form(&[x, w], &[bias]) != Form::Kernel {
        return bias_act(&conv2d(x, w, stride, padding, scale)?, bias, bias_scale, slope);
    }
    let geo = Geometry::forward(x, w, stride, padding)?;
    check_channels(NAME, "bias", bias, geo.out_channels)?;
    // With slope 1 the activation is the identity.
    let slope = slope.unwrap_or(1.0);
    check_slope(NAME, slope)?;
    let op = Conv2dBiasAct { geo, scale, bias_scale, slope };
    x.contiguous()?.apply_op3(&w.contiguous()?, &bias.contiguous()?, op)
}

struct Conv2dBiasAct {
    geo: Geometry,
    scale: f64,
    bias_scale: f64,
    slope: f64,
}

impl Conv2dBiasAct {
    fn planes(&self) -> Planes {
        let Geometry { batch, out_channels, .. } = self.geo;
        Planes { batch, channels: out_channels, len: self.geo.out_plane() }
    }
}

#[cfg(feature = "cudnn")]
impl Conv2dBiasAct {
    /// What follows the convolution.
    fn bias_act(&self) -> BiasAct {
        let slope = (self.slope != 1.0).then_some(self.slope);
        BiasAct { planes: self.planes(), bias_scale: self.bias_scale, slope }
    }
}

impl CustomOp3 for Conv2dBiasAct {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(NAME, x, x_layout)?;
        let w = f32_slice(NAME, w, w_layout)?;
        let bias = f32_slice(NAME, bias, bias_layout)?;
        let mut y = cpu::forward(x, w, &self.geo, self.scale as f32, false);
        in_place(&mut y, None, bias, &self.planes(), self.bias_scale as f32, self.slope as f32);
        Ok((CpuStorage::F32(y), self.geo.output_shape()))
    }

    #[cfg(feature = "cudnn")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(NAME, x, x_layout)?;
        let w = Elements::of(NAME, w, w_layout)?;
        let bias = Elements::float32(NAME, bias, bias_layout)?;
        let y = cuda::forward(device, x, w, &self.geo, self.scale as f32)?;
        bias_act_on_gpu::in_place(device, &y, bias, &self.bias_act())?;
        Ok(y.result(self.geo.output_shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        use crate::bias_act::cpu::backward;

        let g = g.detach().contiguous()?;
        #[cfg(feature = "cudnn")]
        if g.device().is_cuda() {
            let (g, sums) = bias_act_on_gpu::backward(&g, y, &self.bias_act(), bias.track_op())?;
            let (gx, gw) = gradients(&self.geo, self.scale, x, w, &g)?;
            let gbias = sums.map(|sums| scaled(sums, self.bias_scale)).transpose()?;
            return Ok((gx, gw, gbias));
        }
        let (g_view, y) = (view(NAME, &g)?, view(NAME, y)?);
        let slope = self.slope as f32;
        let (g, sums) = backward(g_view.slice(), y.slice(), &self.planes(), slope, bias.track_op());
        let (geo, scale, device) = (&self.geo, self.scale as f32, x.device());
        let gx = x.track_op().then(|| {
            let gx = cpu::input_vjp(&g, view(NAME, w)?.slice(), geo, scale);
            Tensor::from_vec(gx, geo.input_shape(), device)
        });
        let gw = w.track_op().then(|| {
            let gw = cpu::weight_vjp(view(NAME, x)?.slice(), &g, geo, scale);
            Tensor::from_vec(gw, geo.weight_shape(), device)
        });
        let gbias = sums.map(|sums| per_channel(&sums, 0, self.bias_scale, device));
        Ok((gx.transpose()?, gw.transpose()?, gbias.transpose()?))
    }
}
