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

#[cfg(feature = "cuda")]
use candle_core::CudaDevice;
use candle_core::{DType, Device, Result, Tensor, bail};

use crate::kernel::Form;
#[cfg(feature = "cuda")]
use crate::kernel::cuda::{Elements, Room};
use crate::piecewise::{Forward, Piecewise, Vjp};
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
        Form::Kernel => x.contiguous()?.apply_op1(Forward(Clamp { limit })),
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
        Form::Kernel => g.contiguous()?.apply_op2(&y.contiguous()?, Vjp(Clamp { limit })),
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

/// The function, with its kernels.
#[derive(Clone, Copy)]
struct Clamp {
    limit: f64,
}

impl Piecewise for Clamp {
    const NAME: &'static str = "clamp";
    const VJP: &'static str = "clamp_vjp";

    fn forward(self, x: &[f32]) -> Vec<f32> {
        cpu::forward(x, self.limit as f32)
    }

    fn vjp(self, g: &[f32], y: &[f32]) -> Vec<f32> {
        cpu::vjp(g, y, self.limit as f32)
    }

    #[cfg(feature = "cuda")]
    fn forward_on_gpu(self, device: &CudaDevice, x: Elements<'_>) -> Result<Room> {
        cuda::forward(device, x, self.limit)
    }

    #[cfg(feature = "cuda")]
    fn vjp_on_gpu(self, device: &CudaDevice, g: Elements<'_>, y: Elements<'_>) -> Result<Room> {
        cuda::vjp(device, g, y, self.limit)
    }

    fn gradient(self, g: &Tensor, y: &Tensor) -> Result<Tensor> {
        clamp_vjp(g, y, self.limit)
    }
}
