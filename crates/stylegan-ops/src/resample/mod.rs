//! Doubling by nearest neighbour and halving by the mean of two by two, and their transposes.
//!
//! Karras et al. 2018, section 3: the networks grow and shrink by a factor of two. Up to a factor of four the two are each other's transpose:
//! `<up(x), y> = <x, 4 down(y)>`.

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

/// x [N, C, H, W] -> [N, C, 2H, 2W]: every element becomes two by two copies of itself.
///
/// Differentiable to any order; its vector-Jacobian product is [`upsample_nearest2d_vjp`].
///
/// # Errors
/// If x does not have four dimensions.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.]]]], &Device::Cpu)?;
/// let y = stylegan_ops::upsample_nearest2d(&x)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1., 1., 2., 2., 1., 1., 2., 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn upsample_nearest2d(x: &Tensor) -> Result<Tensor> {
    up("upsample_nearest2d", x, 1.0)
}

/// x [N, C, H, W] -> [N, C, H/2, W/2]: the mean of every two by two elements.
///
/// Differentiable to any order; its vector-Jacobian product is [`downsample_box2d_vjp`].
///
/// # Errors
/// If x does not have four dimensions, or its height or width is odd.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.], [3., 6.]]]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::downsample_box2d(&x)?.flatten_all()?.to_vec1::<f32>()?, [3.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn downsample_box2d(x: &Tensor) -> Result<Tensor> {
    down("downsample_box2d", x, 0.25)
}

/// The gradient of `sum(g * upsample_nearest2d(x))` with respect to x: g [N, C, 2H, 2W] -> [N, C, H, W], the sum of every two by two
/// elements, in one pass. Differentiable to any order.
///
/// # Errors
/// As [`downsample_box2d`].
pub fn upsample_nearest2d_vjp(g: &Tensor) -> Result<Tensor> {
    down("upsample_nearest2d_vjp", g, 1.0)
}

/// The gradient of `sum(g * downsample_box2d(x))` with respect to x: g [N, C, H, W] -> [N, C, 2H, 2W], a quarter of every element in
/// two by two places, in one pass. Differentiable to any order.
///
/// # Errors
/// As [`upsample_nearest2d`].
pub fn downsample_box2d_vjp(g: &Tensor) -> Result<Tensor> {
    up("downsample_box2d_vjp", g, 0.25)
}

fn up(name: &'static str, x: &Tensor, gain: f64) -> Result<Tensor> {
    if x.rank() != 4 {
        bail!("{name}: expected [N, C, H, W], got {:?}", x.dims());
    }
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(Up { name, gain }),
        Form::Widened => widened([x], |[x]| up(name, x, gain)),
        Form::Reference => reference::up(x, gain),
    }
}

fn down(name: &'static str, x: &Tensor, gain: f64) -> Result<Tensor> {
    match *x.dims() {
        [_, _, height, width] if height % 2 == 0 && width % 2 == 0 => {}
        ref other => bail!("{name}: expected [N, C, H, W] of even height and width, got {other:?}"),
    }
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(Down { name, gain }),
        Form::Widened => widened([x], |[x]| down(name, x, gain)),
        Form::Reference => reference::down(x, gain),
    }
}

/// Copies to two by two places, times a gain.
struct Up {
    name: &'static str,
    gain: f64,
}

impl CustomOp1 for Up {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let y = cpu::up(f32_slice(self.name, x, layout)?, w, self.gain as f32);
        Ok((CpuStorage::F32(y), (n, c, 2 * h, 2 * w).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let device = x.device();
        let y = cuda::up(device, Elements::of(self.name, x, layout)?, w, self.gain)?;
        Ok(y.result((n, c, 2 * h, 2 * w)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        down("upsample_nearest2d_vjp", &g.detach(), self.gain).map(Some)
    }
}

/// Sums two by two elements, times a gain.
struct Down {
    name: &'static str,
    gain: f64,
}

impl CustomOp1 for Down {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let y = cpu::down(f32_slice(self.name, x, layout)?, w, self.gain as f32);
        Ok((CpuStorage::F32(y), (n, c, h / 2, w / 2).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let device = x.device();
        let y = cuda::down(device, Elements::of(self.name, x, layout)?, w, self.gain)?;
        Ok(y.result((n, c, h / 2, w / 2)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        up("downsample_box2d_vjp", &g.detach(), self.gain).map(Some)
    }
}
