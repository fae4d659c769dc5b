//! Pixelwise normalization of the feature vector.
//!
//! ```text
//! y[n,c,..] = x[n,c,..] * r[n,..]        r = 1 / sqrt(mean over c of x^2 + eps)
//! gx        = r * g - x * r^3 * mean over c of (g * x)
//! ```
//!
//! Karras et al. 2018, section 4.2, equation 2.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::planes::{Planes, view};
use crate::precision::widened;

/// x [N, C] or [N, C, H, W] divided, at each position, by the root of the mean square over the channels plus `eps`.
///
/// Differentiable once.
///
/// # Errors
/// If x has another number of dimensions.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, 7.]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::pixel_norm(&x, 0.0)?.to_vec2::<f32>()?, [[0.2, 1.4]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn pixel_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    let planes = Planes::of("pixel_norm", x)?;
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(PixelNorm { planes, eps }),
        Form::Widened => widened([x], |[x]| pixel_norm(x, eps)),
        Form::Reference => reference(x, eps),
    }
}

/// The executable specification, in plain candle operations.
fn reference(x: &Tensor, eps: f64) -> Result<Tensor> {
    let root = (x.sqr()?.mean_keepdim(1)? + eps)?.sqrt()?;
    x.broadcast_div(&root)
}

struct PixelNorm {
    planes: Planes,
    eps: f64,
}

impl CustomOp1 for PixelNorm {
    fn name(&self) -> &'static str {
        "pixel_norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = cpu::forward(f32_slice(self.name(), x, layout)?, &self.planes, self.eps as f32);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, layout)?;
        Ok(cuda::forward(device, x, &self.planes, self.eps)?.result(layout.shape()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if g.device().is_cuda() {
            return cuda::backward(&g, x, &self.planes, self.eps).map(Some);
        }
        let gx = cpu::backward(
            view(self.name(), &g)?.slice(),
            view(self.name(), x)?.slice(),
            &self.planes,
            self.eps as f32,
        );
        Tensor::from_vec(gx, x.shape().clone(), x.device()).map(Some)
    }
}
