//! A limit of activations and its vector-Jacobian product.
//!
//! ```text
//! y = min(max(x, -limit), limit)        gx = g where -limit < y < limit, 0 elsewhere
//! ```
//!
//! It keeps activations in the range of half precision (`conv_clamp` of StyleGAN2's official code; Karras et al. 2020b, appendix D). As with a leaky
//! ReLU, the *output* tells the mask of the gradient.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail,
};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::precision::widened;

/// x of any shape, kept between `limit` and its negative; the limit is rounded to the type of x first. What is not a number stays so.
///
/// Differentiable; for gradients of gradients write the first one with [`clamp_vjp`].
///
/// # Errors
/// If the limit is not positive.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[-3f32, 0.5, 2.], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::clamp(&x, 1.0)?.to_vec1::<f32>()?, [-1., 0.5, 1.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn clamp(x: &Tensor, limit: f64) -> Result<Tensor> {
    let limit = rounded("clamp", limit, x.dtype())?;
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(Clamp { limit }),
        Form::Widened => widened([x], |[x]| clamp(x, limit)),
        Form::Reference => reference::clamp(x, limit),
    }
}

/// The gradient of `sum(g * clamp(x))` with respect to x, from `y`, the *output*: g where it is within the limit, 0 elsewhere. Both of the same shape.
///
/// Differentiable in g; constant in y.
///
/// # Errors
/// If the shapes differ or the limit is not positive.
pub fn clamp_vjp(g: &Tensor, y: &Tensor, limit: f64) -> Result<Tensor> {
    let limit = rounded("clamp_vjp", limit, y.dtype())?;
    if g.dims() != y.dims() {
        bail!("clamp_vjp: expected g of the shape of y {:?}, got {:?}", y.dims(), g.dims());
    }
    let y = y.detach();
    match Form::of(&[g, &y], &[]) {
        Form::Kernel => g.contiguous()?.apply_op2(&y.contiguous()?, ClampVjp { limit }),
        Form::Widened => widened([g, &y], |[g, y]| clamp_vjp(g, y, limit)),
        Form::Reference => reference::clamp_vjp(g, &y, limit),
    }
}

/// The limit as a number of the type, so that what was limited is equal to it.
fn rounded(op: &str, limit: f64, dtype: DType) -> Result<f64> {
    if limit.is_nan() || limit <= 0.0 {
        bail!("{op}: expected a limit above 0, got {limit}");
    }
    Tensor::new(limit, &Device::Cpu)?.to_dtype(dtype)?.to_dtype(DType::F64)?.to_scalar()
}

struct Clamp {
    limit: f64,
}

impl CustomOp1 for Clamp {
    fn name(&self) -> &'static str {
        "clamp"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = cpu::forward(f32_slice(self.name(), x, layout)?, self.limit as f32);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let y = cuda::forward(device, Elements::of(self.name(), x, layout)?, self.limit)?;
        Ok(y.result(layout.shape()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        clamp_vjp(&g.detach(), y, self.limit).map(Some)
    }
}

struct ClampVjp {
    limit: f64,
}

impl CustomOp2 for ClampVjp {
    fn name(&self) -> &'static str {
        "clamp_vjp"
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
        Ok((CpuStorage::F32(cpu::vjp(g, y, self.limit as f32)), g_layout.shape().clone()))
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
        Ok(cuda::vjp(device, g, y, self.limit)?.result(g_layout.shape()))
    }

    fn bwd(
        &self,
        _g: &Tensor,
        y: &Tensor,
        _result: &Tensor,
        cotangent: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(clamp_vjp(&cotangent.detach(), y, self.limit)?), None))
    }
}
