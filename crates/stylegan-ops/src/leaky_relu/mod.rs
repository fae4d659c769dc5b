//! Leaky ReLU and its vector-Jacobian product.
//!
//! y = x for x > 0, slope * x elsewhere (Maas et al. 2013; slope 0.2 throughout this lineage, without the gain of StyleGAN2). The
//! sign of the *output* is the mask of the gradient, so that only the output has to be kept.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::precision::widened;

pub(crate) use cpu::{activate, gradient, vjp};
pub(crate) use reference::leaky_relu as reference_form;

/// Leaky ReLU of a tensor of any shape: x where x > 0, `slope * x` elsewhere.
///
/// Differentiable; for gradients of gradients write the first one with [`leaky_relu_vjp`].
///
/// # Errors
/// If `slope` is negative: the output's sign would no longer be the input's.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[-1f32, 0., 2.], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::leaky_relu(&x, 0.25)?.to_vec1::<f32>()?, [-0.25, 0., 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    check_slope("leaky_relu", slope)?;
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(LeakyRelu { slope }),
        Form::Widened => widened([x], |[x]| leaky_relu(x, slope)),
        Form::Reference => reference::leaky_relu(x, slope),
    }
}

/// The gradient of `sum(g * leaky_relu(x))` with respect to x, from `y`, the *output* of the activation: g where y > 0, `slope * g`
/// elsewhere. Both of the same shape.
///
/// Differentiable in g (it is its own transpose); constant in y, as a piecewise linear function's derivative is.
///
/// # Errors
/// If the shapes differ or `slope` is negative.
pub fn leaky_relu_vjp(g: &Tensor, y: &Tensor, slope: f64) -> Result<Tensor> {
    check_slope("leaky_relu_vjp", slope)?;
    if g.dims() != y.dims() {
        bail!("leaky_relu_vjp: expected g of the shape of y {:?}, got {:?}", y.dims(), g.dims());
    }
    let y = y.detach();
    match Form::of(&[g, &y], &[]) {
        Form::Kernel => g.contiguous()?.apply_op2(&y.contiguous()?, LeakyReluVjp { slope }),
        Form::Widened => widened([g, &y], |[g, y]| leaky_relu_vjp(g, y, slope)),
        Form::Reference => reference::leaky_relu_vjp(g, &y, slope),
    }
}

/// Refuses slopes for which the output's sign does not tell the input's.
pub(crate) fn check_slope(op: &'static str, slope: f64) -> Result<()> {
    // Written so that a NaN is refused.
    if slope >= 0.0 { Ok(()) } else { bail!("{op}: expected a slope of at least 0, got {slope}") }
}

struct LeakyRelu {
    slope: f64,
}

impl CustomOp1 for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = cpu::forward(f32_slice(self.name(), x, layout)?, self.slope as f32);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let y = cuda::forward(device, Elements::of(self.name(), x, layout)?, self.slope)?;
        Ok(y.result(layout.shape()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        leaky_relu_vjp(&g.detach(), y, self.slope).map(Some)
    }
}

struct LeakyReluVjp {
    slope: f64,
}

impl CustomOp2 for LeakyReluVjp {
    fn name(&self) -> &'static str {
        "leaky_relu_vjp"
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        g_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = f32_slice(self.name(), g, g_layout)?;
        let y = f32_slice(self.name(), y, y_layout)?;
        Ok((CpuStorage::F32(cpu::vjp(g, y, self.slope as f32)), g_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        g: &CudaStorage,
        g_layout: &Layout,
        y: &CudaStorage,
        y_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = g.device();
        let g = Elements::of(self.name(), g, g_layout)?;
        let y = Elements::of(self.name(), y, y_layout)?;
        Ok(cuda::vjp(device, g, y, self.slope)?.result(g_layout.shape()))
    }

    fn bwd(
        &self,
        _g: &Tensor,
        y: &Tensor,
        _result: &Tensor,
        cotangent: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(leaky_relu_vjp(&cotangent.detach(), y, self.slope)?), None))
    }
}
