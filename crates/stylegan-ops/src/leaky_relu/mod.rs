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

#[cfg(feature = "cuda")]
use candle_core::CudaDevice;
use candle_core::{Result, Tensor, bail};

use crate::kernel::Form;
#[cfg(feature = "cuda")]
use crate::kernel::cuda::{Elements, Room};
use crate::piecewise::{Forward, Piecewise, Vjp};
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
        Form::Kernel => x.contiguous()?.apply_op1(Forward(LeakyRelu { slope })),
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
        Form::Kernel => g.contiguous()?.apply_op2(&y.contiguous()?, Vjp(LeakyRelu { slope })),
        Form::Widened => widened([g, &y], |[g, y]| leaky_relu_vjp(g, y, slope)),
        Form::Reference => reference::leaky_relu_vjp(g, &y, slope),
    }
}

/// Refuses slopes for which the output's sign does not tell the input's.
pub(crate) fn check_slope(op: &'static str, slope: f64) -> Result<()> {
    // Written so that a NaN is refused.
    if slope >= 0.0 { Ok(()) } else { bail!("{op}: expected a slope of at least 0, got {slope}") }
}

/// The function, with its kernels.
#[derive(Clone, Copy)]
struct LeakyRelu {
    slope: f64,
}

impl Piecewise for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const VJP: &'static str = "leaky_relu_vjp";

    fn forward(self, x: &[f32]) -> Vec<f32> {
        cpu::forward(x, self.slope as f32)
    }

    fn vjp(self, g: &[f32], y: &[f32]) -> Vec<f32> {
        cpu::vjp(g, y, self.slope as f32)
    }

    #[cfg(feature = "cuda")]
    fn forward_on_gpu(self, device: &CudaDevice, x: Elements<'_>) -> Result<Room> {
        cuda::forward(device, x, self.slope)
    }

    #[cfg(feature = "cuda")]
    fn vjp_on_gpu(self, device: &CudaDevice, g: Elements<'_>, y: Elements<'_>) -> Result<Room> {
        cuda::vjp(device, g, y, self.slope)
    }

    fn gradient(self, g: &Tensor, y: &Tensor) -> Result<Tensor> {
        leaky_relu_vjp(g, y, self.slope)
    }
}
