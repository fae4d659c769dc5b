//! Two-dimensional convolution and its two vector-Jacobian products, each differentiable in both arguments.
//!
//! With x [N, Ci, H, W], w [Co, Ci, K, K], stride s, padding p and a factor a (the equalized learning rate's constant, Karras et al.
//! 2018, section 4.1):
//!
//! ```text
//! y[n,o,i,j]  = a * sum over c,u,v of x[n, c, i*s + u - p, j*s + v - p] * w[o,c,u,v]      conv2d
//! gx          = d sum(g * y) / dx                                                         conv2d_input_vjp
//! gw          = d sum(g * y) / dw                                                         conv2d_weight_vjp
//! ```
//!
//! The sum is the same trilinear form T(x, w, g) in all three, so the gradients of each are the other two, and a loss that contains
//! an input gradient (R1, gradient penalty) needs nothing but these three functions.

pub(crate) mod cpu;
#[cfg(feature = "cudnn")]
pub(crate) mod cuda;
mod fused;
mod geometry;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
#[cfg(feature = "cudnn")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cudnn")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::precision::{matching, widened};
pub use fused::conv2d_bias_act;
pub(crate) use geometry::Geometry;

/// Convolution (cross-correlation, as in all deep learning libraries) without bias: x [N, Ci, H, W], w [Co, Ci, K, K] ->
/// [N, Co, Ho, Wo] with Ho = (H + 2 padding - K) / stride + 1, times `scale`.
///
/// Differentiable in x and w to any order that its vector-Jacobian products are asked for.
///
/// # Errors
/// If the shapes do not fit, the kernel is not square or larger than the padded input, or the stride is 0.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::arange(0f32, 9., &Device::Cpu)?.reshape((1, 1, 3, 3))?;
/// let w = Tensor::ones((1, 1, 2, 2), candle_core::DType::F32, &Device::Cpu)?;
/// let y = stylegan_ops::conv2d(&x, &w, 1, 0, 0.5)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [4., 6., 10., 12.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d(x: &Tensor, w: &Tensor, stride: usize, padding: usize, scale: f64) -> Result<Tensor> {
    forward(x, w, (stride, padding), scale, false)
}

/// As [`conv2d`], but every output is summed directly: slower for 3x3 kernels of stride 1, and several times as exact (relative errors of some 1e-7
/// instead of some 1e-6). For networks so deep that errors add up, when they judge or encode; their gradients are those of [`conv2d`].
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_direct(
    x: &Tensor,
    w: &Tensor,
    stride: usize,
    padding: usize,
    scale: f64,
) -> Result<Tensor> {
    forward(x, w, (stride, padding), scale, true)
}

fn forward(
    x: &Tensor,
    w: &Tensor,
    (stride, padding): (usize, usize),
    scale: f64,
    direct: bool,
) -> Result<Tensor> {
    let geo = Geometry::forward(x, w, stride, padding)?;
    let w = &matching(x, w)?;
    match form(&[x, w], &[]) {
        Form::Kernel => x.contiguous()?.apply_op2(&w.contiguous()?, Forward { geo, scale, direct }),
        Form::Widened => widened([x, w], |[x, w]| forward(x, w, (stride, padding), scale, direct)),
        Form::Reference => reference::forward(x, w, &geo, scale),
    }
}

/// The gradient of `sum(g * conv2d(x, w))` with respect to x: g [N, Co, Ho, Wo], w [Co, Ci, K, K] -> [N, Ci, H, W] with (H, W) =
/// `input_hw`, times `scale`. Also the transposed convolution.
///
/// Differentiable in g and w.
///
/// # Errors
/// If g is not what `conv2d` gives for an input of that size, or the channels do not fit.
pub fn conv2d_input_vjp(
    g: &Tensor,
    w: &Tensor,
    input_hw: (usize, usize),
    stride: usize,
    padding: usize,
    scale: f64,
) -> Result<Tensor> {
    let geo = Geometry::input_vjp(g, w, input_hw, stride, padding)?;
    let w = &matching(g, w)?;
    match form(&[g, w], &[]) {
        Form::Kernel => g.contiguous()?.apply_op2(&w.contiguous()?, InputVjp { geo, scale }),
        Form::Widened => {
            widened([g, w], |[g, w]| conv2d_input_vjp(g, w, input_hw, stride, padding, scale))
        }
        Form::Reference => reference::input_vjp(g, w, &geo, scale),
    }
}

/// The gradient of `sum(g * conv2d(x, w))` with respect to w: x [N, Ci, H, W], g [N, Co, Ho, Wo] -> [Co, Ci, K, K] with K = `kernel`, times
/// `scale`.
///
/// Differentiable in x and g.
///
/// # Errors
/// If g is not what `conv2d` gives for that input and kernel, or the batches differ.
pub fn conv2d_weight_vjp(
    x: &Tensor,
    g: &Tensor,
    kernel: usize,
    stride: usize,
    padding: usize,
    scale: f64,
) -> Result<Tensor> {
    let geo = Geometry::weight_vjp(x, g, kernel, stride, padding)?;
    let g = &matching(x, g)?;
    match form(&[x, g], &[]) {
        Form::Kernel => x.contiguous()?.apply_op2(&g.contiguous()?, WeightVjp { geo, scale }),
        Form::Widened => {
            widened([x, g], |[x, g]| conv2d_weight_vjp(x, g, kernel, stride, padding, scale))
        }
        Form::Reference => reference::weight_vjp(x, g, &geo, scale),
    }
}

/// The form of a convolution of activations, weight among them. Without cuDNN there is no kernel for GPUs.
pub(crate) fn form(activations: &[&Tensor], parameters: &[&Tensor]) -> Form {
    if cfg!(feature = "cudnn") {
        Form::of(activations, parameters)
    } else {
        Form::on_cpu(&[activations, parameters].concat())
    }
}

/// Both gradients of an op, each only if its argument is tracked.
type Gradients = Result<(Option<Tensor>, Option<Tensor>)>;

/// `gradient()` if `arg` is tracked. candle asks for the gradients of both arguments, and most of the time one is not needed.
fn if_tracked(arg: &Tensor, gradient: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    arg.track_op().then(gradient).transpose()
}

/// From the gradient g of `conv2d(x, w)` to those of x and w.
pub(crate) fn gradients(
    geo: &Geometry,
    scale: f64,
    x: &Tensor,
    w: &Tensor,
    g: &Tensor,
) -> Gradients {
    let Geometry { in_h, in_w, kernel, stride, padding, .. } = *geo;
    let gx =
        if_tracked(x, || conv2d_input_vjp(g, &w.detach(), (in_h, in_w), stride, padding, scale))?;
    let gw = if_tracked(w, || conv2d_weight_vjp(&x.detach(), g, kernel, stride, padding, scale))?;
    Ok((gx, gw))
}

/// From the gradient c of `conv2d_input_vjp(g, w)` to those of g and w.
pub(crate) fn input_vjp_gradients(
    geo: &Geometry,
    scale: f64,
    g: &Tensor,
    w: &Tensor,
    c: &Tensor,
) -> Gradients {
    let Geometry { kernel, stride, padding, .. } = *geo;
    let gg = if_tracked(g, || conv2d(c, &w.detach(), stride, padding, scale))?;
    let gw = if_tracked(w, || conv2d_weight_vjp(c, &g.detach(), kernel, stride, padding, scale))?;
    Ok((gg, gw))
}

struct Forward {
    geo: Geometry,
    scale: f64,
    /// Without Winograd's transforms.
    direct: bool,
}

impl CustomOp2 for Forward {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let w = f32_slice(self.name(), w, w_layout)?;
        let y = cpu::forward(x, w, &self.geo, self.scale as f32, self.direct);
        Ok((CpuStorage::F32(y), self.geo.output_shape()))
    }

    #[cfg(feature = "cudnn")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, x_layout)?;
        let w = Elements::of(self.name(), w, w_layout)?;
        let values = cuda::forward(device, x, w, &self.geo, self.scale as f32)?;
        Ok(values.result(self.geo.output_shape()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _y: &Tensor, g: &Tensor) -> Gradients {
        gradients(&self.geo, self.scale, x, w, &g.detach())
    }
}

struct InputVjp {
    geo: Geometry,
    scale: f64,
}

impl CustomOp2 for InputVjp {
    fn name(&self) -> &'static str {
        "conv2d_input_vjp"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        g_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = f32_slice(self.name(), g, g_layout)?;
        let w = f32_slice(self.name(), w, w_layout)?;
        let gx = cpu::input_vjp(g, w, &self.geo, self.scale as f32);
        Ok((CpuStorage::F32(gx), self.geo.input_shape()))
    }

    #[cfg(feature = "cudnn")]
    fn cuda_fwd(
        &self,
        g: &CudaStorage,
        g_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = g.device();
        let g = Elements::of(self.name(), g, g_layout)?;
        let w = Elements::of(self.name(), w, w_layout)?;
        let values = cuda::input_vjp(device, g, w, &self.geo, self.scale as f32)?;
        Ok(values.result(self.geo.input_shape()))
    }

    fn bwd(&self, g: &Tensor, w: &Tensor, _gx: &Tensor, c: &Tensor) -> Gradients {
        input_vjp_gradients(&self.geo, self.scale, g, w, &c.detach())
    }
}

struct WeightVjp {
    geo: Geometry,
    scale: f64,
}

impl CustomOp2 for WeightVjp {
    fn name(&self) -> &'static str {
        "conv2d_weight_vjp"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let g = f32_slice(self.name(), g, g_layout)?;
        let gw = cpu::weight_vjp(x, g, &self.geo, self.scale as f32);
        Ok((CpuStorage::F32(gw), self.geo.weight_shape()))
    }

    #[cfg(feature = "cudnn")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        g: &CudaStorage,
        g_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, x_layout)?;
        let g = Elements::of(self.name(), g, g_layout)?;
        let values = cuda::weight_vjp(device, x, g, &self.geo, self.scale as f32)?;
        Ok(values.result(self.geo.weight_shape()))
    }

    fn bwd(&self, x: &Tensor, g: &Tensor, _gw: &Tensor, c: &Tensor) -> Gradients {
        let Geometry { in_h, in_w, stride, padding, .. } = self.geo;
        let c = c.detach();
        let gx = if_tracked(x, || {
            conv2d_input_vjp(&g.detach(), &c, (in_h, in_w), stride, padding, self.scale)
        })?;
        let gg = if_tracked(g, || conv2d(&x.detach(), &c, stride, padding, self.scale))?;
        Ok((gx, gg))
    }
}
