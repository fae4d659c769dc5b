//! Affine warps of images, filtered so that nothing aliases, and their transpose.
//!
//! Along each axis, with taps f of even length K, sum 1 and c = K / 2 - 1:
//!
//! ```text
//! u[i] = 2 * sum over k of x[mirror(k)] * f[i + c - 2 k]     doubled, mirrored at its borders as often as needed
//! v[i] = u[M i], between neighbours bilinear                 -c <= i <= 2 H + K - 3 - c,  M about the centre of mass of what f makes of the image
//! y[o] = sum over t of f[t] * v[2 o + t - c]                 halved
//! ```
//!
//! Halving is the transpose of doubling. For the taps of an orthogonal wavelet each undoes the other, so that the identity leaves an image as it
//! is. Karras et al. 2020, "Training generative adversarial networks with limited data", appendix B.
//!
//! All of it is linear in x; the gradient is [`affine_warp_vjp`], whose gradient is [`affine_warp`].

mod cpu;
mod plan;
mod reference;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{Form, f32_slice};
use crate::precision::widened;
use plan::Plan;

/// The low-pass filter of the orthogonal wavelet sym6 (Daubechies 1992, table 6.3), scaled to sum 1.
pub const SYM6: [f64; 12] = [
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
];

/// How the images of a batch are warped, each in its own way.
#[derive(Debug, Clone)]
pub struct AffineWarps {
    taps: Vec<f64>,
    images: Vec<Option<Affine>>,
}

/// From a place in the result to the place in the source, `[x, y]` from the centre of the image, in pixels: the first two columns are the linear
/// part, the last one is added.
pub type Affine = [[f64; 3]; 2];

impl AffineWarps {
    /// One warp for each image of a batch; `None` leaves its image as it is, bit for bit. The filter is [`SYM6`].
    pub fn new(images: Vec<Option<Affine>>) -> Self {
        let sum: f64 = SYM6.iter().sum();
        Self { taps: SYM6.iter().map(|tap| tap / sum).collect(), images }
    }

    /// Whether no image is changed.
    pub fn is_identity(&self) -> bool {
        self.images.iter().all(Option::is_none)
    }

    fn plans(&self, op: &str, x: &Tensor) -> Result<Vec<Option<Plan>>> {
        let (n, _, h, w) = x.dims4()?;
        if n != self.images.len() {
            bail!("{op}: {} warps for {n} images", self.images.len());
        }
        if h == 0 || w == 0 {
            bail!("{op}: images of {h} x {w}");
        }
        let plan = |affine: &Option<Affine>| affine.map(|a| Plan::new(&a, (h, w), &self.taps));
        self.images.iter().map(|affine| plan(affine).transpose()).collect()
    }
}

/// x [N, C, H, W] -> [N, C, H, W], each image warped by its own map.
///
/// Differentiable in x to any order; its vector-Jacobian product is [`affine_warp_vjp`].
///
/// # Errors
/// If x does not have four dimensions or not one image for each warp, or a map is not finite or shrinks an image beyond all bounds.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// use stylegan_ops::{AffineWarps, affine_warp};
/// let x = Tensor::arange(0f32, 64., &Device::Cpu)?.reshape((1, 1, 8, 8))?;
/// let mirrored = AffineWarps::new(vec![Some([[-1., 0., 0.], [0., 1., 0.]])]);
/// let y = affine_warp(&x, &mirrored)?.flatten_all()?.to_vec1::<f32>()?;
/// assert!((y[27] - 28.).abs() < 0.05 && (y[36] - 35.).abs() < 0.05, "{y:?}");
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn affine_warp(x: &Tensor, warps: &AffineWarps) -> Result<Tensor> {
    Warp::new("affine_warp", x, warps, false)?.apply(x)
}

/// The gradient of `sum(g * affine_warp(x, warps))` with respect to x: g [N, C, H, W] -> [N, C, H, W].
///
/// Differentiable in g to any order.
///
/// # Errors
/// As [`affine_warp`].
pub fn affine_warp_vjp(g: &Tensor, warps: &AffineWarps) -> Result<Tensor> {
    Warp::new("affine_warp_vjp", g, warps, true)?.apply(g)
}

#[derive(Clone)]
struct Warp {
    name: &'static str,
    taps: Arc<Vec<f64>>,
    plans: Arc<Vec<Option<Plan>>>,
    transposed: bool,
}

impl Warp {
    fn new(name: &'static str, x: &Tensor, warps: &AffineWarps, transposed: bool) -> Result<Self> {
        let (plans, taps) = (Arc::new(warps.plans(name, x)?), Arc::new(warps.taps.clone()));
        Ok(Self { name, taps, plans, transposed })
    }

    fn apply(self, x: &Tensor) -> Result<Tensor> {
        match Form::on_cpu(&[x]) {
            Form::Kernel => x.contiguous()?.apply_op1(self),
            Form::Widened => widened([x], |[x]| self.apply(x)),
            Form::Reference => reference::apply(x, &self.taps, &self.plans, self.transposed),
        }
    }
}

impl CustomOp1 for Warp {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, channels, _, _) = layout.shape().dims4()?;
        let x = f32_slice(self.name, x, layout)?;
        let y = cpu::apply(x, channels, &self.taps, &self.plans, self.transposed);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let other = Self { transposed: !self.transposed, ..self.clone() };
        other.apply(&g.detach()).map(Some)
    }
}
