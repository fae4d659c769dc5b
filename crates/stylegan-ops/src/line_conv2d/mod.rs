//! Convolution with a kernel of one row or one column (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 3.2).
//!
//! ```text
//! patches[n, c K + t, i, j] = x[n, c, i, j + t - (K-1)/2]        for a row; likewise down a column; zero outside
//! y = W [Co, Ci K] times patches
//! ```

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::conv2d;
use crate::kernel::{Form, f32_slice};
use crate::precision::{matching, widened};

/// Convolution that keeps the map's size: x [N, Ci, H, W], w [Co, Ci, 1, K] or [Co, Ci, K, 1] with odd K -> [N, Co, H, W].
///
/// Differentiable in x and w, once.
///
/// # Errors
/// If the kernel is neither a row nor a column of an odd number of taps, or the channels do not fit.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?.reshape((1, 1, 1, 3))?;
/// let w = Tensor::new(&[1f32, 10., 100.], &Device::Cpu)?.reshape((1, 1, 1, 3))?;
/// let y = stylegan_ops::line_conv2d(&x, &w)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [210., 321., 32.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn line_conv2d(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (taps, axis) = match *w.dims() {
        [_, _, 1, taps] if taps % 2 == 1 => (taps, 3),
        [_, _, taps, 1] if taps % 2 == 1 => (taps, 2),
        ref other => bail!("line_conv2d: expected a kernel 1xK or Kx1 of odd K, got {other:?}"),
    };
    let (outputs, inputs) = (w.dim(0)?, w.dim(1)?);
    if x.rank() != 4 || x.dim(1)? != inputs {
        bail!("line_conv2d: expected [N, {inputs}, H, W], got {:?}", x.dims());
    }
    let w = &matching(x, w)?;
    let patches = match Form::on_cpu(&[x]) {
        Form::Kernel => x.contiguous()?.apply_op1(Patches { taps, axis })?,
        Form::Widened => return widened([x, w], |[x, w]| line_conv2d(x, w)),
        Form::Reference => reference::patches(x, taps, axis)?,
    };
    conv2d(&patches, &w.contiguous()?.reshape((outputs, inputs * taps, 1, 1))?, 1, 0, 1.0)
}

/// What the taps read, as channels.
struct Patches {
    taps: usize,
    /// 2: the taps lie in a column; 3: in a row.
    axis: usize,
}

/// Gathering and its adjoint between x and its patches.
#[derive(Clone, Copy)]
struct Geometry {
    height: usize,
    width: usize,
    taps: usize,
    axis: usize,
}

impl CustomOp1 for Patches {
    fn name(&self) -> &'static str {
        "line_patches"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, height, width) = layout.shape().dims4()?;
        let geometry = Geometry { height, width, taps: self.taps, axis: self.axis };
        let patches = cpu::gather(f32_slice(self.name(), x, layout)?, geometry);
        Ok((CpuStorage::F32(patches), (n, c * self.taps, height, width).into()))
    }

    fn bwd(&self, _x: &Tensor, _patches: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let (taps, axis) = (self.taps, self.axis);
        g.detach().contiguous()?.apply_op1(Adjoint { taps, axis }).map(Some)
    }
}

/// The sum of what each element was read for.
struct Adjoint {
    taps: usize,
    axis: usize,
}

impl CustomOp1 for Adjoint {
    fn name(&self) -> &'static str {
        "line_patches_vjp"
    }

    fn cpu_fwd(&self, g: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, channels, height, width) = layout.shape().dims4()?;
        let geometry = Geometry { height, width, taps: self.taps, axis: self.axis };
        let gx = cpu::scatter(f32_slice(self.name(), g, layout)?, geometry);
        Ok((CpuStorage::F32(gx), (n, channels / self.taps, height, width).into()))
    }
}
