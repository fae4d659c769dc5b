//! Zero insertion, FIR filter and decimation of each channel, in one pass, and its transpose.
//!
//! Along each axis, with taps f of length K, zero insertion u, decimation d and `before` zeros in front:
//!
//! ```text
//! z[i * u] = x[i], all other z are 0
//! y[o]     = sum over t of f[t] * z[o * d + t - before]
//! gx[i]    = sum over o of f[i * u + before - o * d] * g[o]
//! ```
//!
//! The transpose is the same operation with u and d exchanged, the taps reversed and `before` become `K - 1 - before`: a closed family, so
//! derivatives of any order are upfirdn2d again. Karras et al. 2020, section 2.1 and appendix B: StyleGAN2 resamples with the taps [1, 3, 3, 1] / 8
//! in both axes ([`BINOMIAL`]).

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod geometry;
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
use geometry::Geometry;

/// StyleGAN2's filter along one axis; its sum is 1.
pub const BINOMIAL: [f64; 4] = [0.125, 0.375, 0.375, 0.125];

/// What [`upfirdn2d`] does along both axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Upfirdn {
    /// The filter's taps, the same in both axes. For a filter that is not symmetric: those of a correlation.
    pub taps: Vec<f64>,
    /// Every element becomes so many, the added ones 0.
    pub up: usize,
    /// Of so many results, the first is kept.
    pub down: usize,
    /// Zeros added in front and behind, after zero insertion; negative to crop.
    pub padding: (isize, isize),
    /// A factor on the result.
    pub gain: f64,
}

impl Upfirdn {
    /// Doubles the size: StyleGAN2's upsampling. Gain 4 keeps the mean.
    pub fn doubling() -> Self {
        Self { taps: BINOMIAL.to_vec(), up: 2, down: 1, padding: (2, 1), gain: 4.0 }
    }

    /// Halves the size: StyleGAN2's downsampling.
    pub fn halving() -> Self {
        Self { taps: BINOMIAL.to_vec(), up: 1, down: 2, padding: (1, 1), gain: 1.0 }
    }

    /// Filters alone, with as many zeros on each side: the size grows by twice the padding, and shrinks by 3.
    pub fn filtering(padding: isize, gain: f64) -> Self {
        Self { taps: BINOMIAL.to_vec(), up: 1, down: 1, padding: (padding, padding), gain }
    }
}

/// x [N, C, H, W] -> [N, C, H', W'] with `H' = (H * up + padding - K) / down + 1`.
///
/// Differentiable to any order; its vector-Jacobian product is [`upfirdn2d_vjp`].
///
/// # Errors
/// If x does not have four dimensions, up, down or the number of taps is 0, or the padded input is smaller than the filter.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use stylegan_ops::{Upfirdn, upfirdn2d};
/// let x = Tensor::new(&[[[[16f32]]]], &Device::Cpu)?;
/// let y = upfirdn2d(&x, &Upfirdn::doubling())?;
/// assert_eq!(y.dims(), [1, 1, 2, 2]);
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [9.; 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn upfirdn2d(x: &Tensor, how: &Upfirdn) -> Result<Tensor> {
    apply(x, Geometry::forward(x, how)?)
}

/// The gradient of `sum(g * upfirdn2d(x, how))` with respect to x of height and width `input_hw`: g [N, C, H', W'] -> [N, C, H, W].
///
/// Differentiable to any order.
///
/// # Errors
/// As [`upfirdn2d`], or if g is not of the size that an input of `input_hw` gives.
pub fn upfirdn2d_vjp(g: &Tensor, how: &Upfirdn, input_hw: (usize, usize)) -> Result<Tensor> {
    apply(g, Geometry::vjp(g, how, input_hw)?)
}

fn apply(x: &Tensor, geometry: Geometry) -> Result<Tensor> {
    let form = match Form::of(&[x], &[]) {
        Form::Kernel if !has_kernel(x, &geometry) => Form::without_kernel(&[x]),
        form => form,
    };
    match form {
        Form::Kernel => x.contiguous()?.apply_op1(Op { geometry }),
        Form::Widened => widened([x], |[x]| apply(x, geometry)),
        Form::Reference => reference::apply(x, &geometry),
    }
}

/// Whether the filter is short enough for the kernel on the device of `x`.
#[cfg(feature = "cuda")]
fn has_kernel(x: &Tensor, geometry: &Geometry) -> bool {
    x.device().is_cpu() || geometry.taps.len() <= cuda::MOST_TAPS
}

/// The kernel on the CPU takes every filter.
#[cfg(not(feature = "cuda"))]
fn has_kernel(_x: &Tensor, _geometry: &Geometry) -> bool {
    true
}

struct Op {
    geometry: Geometry,
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        "upfirdn2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, _, _) = layout.shape().dims4()?;
        let y = cpu::apply(f32_slice(self.name(), x, layout)?, n * c, &self.geometry);
        let [rows, columns] = &self.geometry.axes;
        Ok((CpuStorage::F32(y), (n, c, rows.output, columns.output).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (n, c, _, _) = layout.shape().dims4()?;
        let device = x.device();
        let y = cuda::apply(device, Elements::of(self.name(), x, layout)?, n * c, &self.geometry)?;
        let [rows, columns] = &self.geometry.axes;
        Ok(y.result((n, c, rows.output, columns.output)))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        apply(&g.detach(), self.geometry.transposed()).map(Some)
    }
}
