//! The binomial blur [1, 2, 1] x [1, 2, 1] / 16 of each channel, with zeros beyond the border.
//!
//! Karras et al. 2019, section 2.1 (configuration B), after Zhang 2019: applied after upsampling and before downsampling. The filter is symmetric,
//! so the blur is its own transpose, at the border too.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::precision::widened;

/// x [N, C, H, W] -> [N, C, H, W], each plane convolved with [1, 2, 1] x [1, 2, 1] / 16, zeros beyond the border.
///
/// Differentiable to any order; its vector-Jacobian product is `blur` itself.
///
/// # Errors
/// If x does not have four dimensions.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[0f32, 16., 0.]]]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::blur(&x)?.flatten_all()?.to_vec1::<f32>()?, [2., 4., 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn blur(x: &Tensor) -> Result<Tensor> {
    x.dims4()?;
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(Blur),
        Form::Widened => widened([x], |[x]| blur(x)),
        Form::Reference => reference::blur(x),
    }
}

struct Blur;

impl CustomOp1 for Blur {
    fn name(&self) -> &'static str {
        "blur"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let y = cpu::blur(f32_slice(self.name(), x, layout)?, n * c, h, w);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (_, _, h, w) = layout.shape().dims4()?;
        let device = x.device();
        let y = cuda::blur(device, Elements::of(self.name(), x, layout)?, (h, w))?;
        Ok(y.result(layout.shape()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        blur(&g.detach()).map(Some)
    }
}
