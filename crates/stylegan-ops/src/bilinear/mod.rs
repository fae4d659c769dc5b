//! Doubling by bilinear interpolation, and its transpose.
//!
//! Along each axis of n elements, where indices beyond the border mean the nearest element inside:
//!
//! ```text
//! y[2i]     = 3/4 x[i] + 1/4 x[i-1]
//! y[2i + 1] = 3/4 x[i] + 1/4 x[i+1]
//! gx[i]     = 1/4 g[2i-1] + 3/4 g[2i] + 3/4 g[2i+1] + 1/4 g[2i+2]
//! ```
//!
//! Inside, this is StyleGAN2's doubling with the taps [1, 3, 3, 1] (Karras et al. 2020, appendix B; [`Upfirdn::doubling`](crate::Upfirdn::doubling)). That one has
//! zeros beyond the border, so that a constant map comes out darker at its rim; this one keeps it constant.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::precision::widened;

/// x [N, C, H, W] -> [N, C, 2H, 2W], interpolated between the elements' centres.
///
/// Differentiable to any order; its vector-Jacobian product is [`upsample_bilinear2d_vjp`].
///
/// # Errors
/// If x does not have four dimensions.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[0f32, 8.]]]], &Device::Cpu)?;
/// let y = stylegan_ops::upsample_bilinear2d(&x)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0., 2., 6., 8., 0., 2., 6., 8.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn upsample_bilinear2d(x: &Tensor) -> Result<Tensor> {
    apply(x, Direction::Doubling)
}

/// The gradient of `sum(g * upsample_bilinear2d(x))` with respect to x: g [N, C, 2H, 2W] -> [N, C, H, W].
///
/// Differentiable to any order.
///
/// # Errors
/// If g does not have four dimensions, or its height or width is odd.
pub fn upsample_bilinear2d_vjp(g: &Tensor) -> Result<Tensor> {
    apply(g, Direction::Halving)
}

/// Which of the two transposes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Doubling,
    Halving,
}

impl Direction {
    fn transposed(self) -> Self {
        match self {
            Self::Doubling => Self::Halving,
            Self::Halving => Self::Doubling,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Doubling => "upsample_bilinear2d",
            Self::Halving => "upsample_bilinear2d_vjp",
        }
    }

    fn output(self, (h, w): (usize, usize)) -> (usize, usize) {
        match self {
            Self::Doubling => (2 * h, 2 * w),
            Self::Halving => (h / 2, w / 2),
        }
    }
}

fn apply(x: &Tensor, direction: Direction) -> Result<Tensor> {
    let name = direction.name();
    let [_, _, h, w] = *x.dims() else {
        bail!("{name}: expected [N, C, H, W], got {:?}", x.dims())
    };
    if direction == Direction::Halving && !(h.is_multiple_of(2) && w.is_multiple_of(2)) {
        bail!("{name}: expected even height and width, got {h} x {w}");
    }
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(Op(direction)),
        Form::Widened => widened([x], |[x]| apply(x, direction)),
        Form::Reference => reference::apply(x, direction),
    }
}

struct Op(Direction);

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let y = cpu::apply(f32_slice(self.name(), x, layout)?, n * c, (h, w), self.0);
        let (h, w) = self.0.output((h, w));
        Ok((CpuStorage::F32(y), (n, c, h, w).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let device = x.device();
        let y = cuda::apply(device, Elements::of(self.name(), x, layout)?, (h, w), self.0)?;
        let (h, w) = self.0.output((h, w));
        Ok(y.result((n, c, h, w)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        apply(&g.detach(), self.0.transposed()).map(Some)
    }
}
