//! DiffAugment: colour, translation, cutout, always on.

use candle_core::{Device, Result, Tensor};
use serde::{Deserialize, Serialize};
use stylegan_ops::random::Stream;

use crate::Augmentation;

/// The largest shift, in sizes of the image.
const SHIFT: f64 = 0.125;

/// The side of the square that is cut out, in sizes of the image.
const CUTOUT: f64 = 0.5;

/// Which of the three there are, in this order (Zhao et al. 2020, section 4: with little data, all).
///
/// Colour adds up to 1/2 in either direction, multiplies the distance from the pixel's grey with 0 to 2, then that from the image's mean with 1/2 to
/// 3/2. Translation shifts by up to an eighth, zeros coming in. Cutout sets a square of half the size to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffAugment {
    /// Brightness, saturation, contrast.
    pub color: bool,
    /// Shifts.
    pub translation: bool,
    /// A square without content.
    pub cutout: bool,
}

impl DiffAugment {
    /// All three.
    pub const ALL: Self = Self { color: true, translation: true, cutout: true };

    /// Draws for images of `shape` `[N, C, H, W]`. An image's draws depend on the stream and on its place in the batch alone.
    ///
    /// # Errors
    /// If the drawn numbers cannot be moved.
    pub fn draw(
        &self,
        shape: (usize, usize, usize, usize),
        stream: Stream,
    ) -> Result<Augmentation> {
        let (n, _, height, width) = shape;
        let numbers = stream.uniform((n, 8), &Device::Cpu)?.to_vec2::<f32>()?;
        let column = |which: usize| numbers.iter().map(move |row| f64::from(row[which]));
        let mut drawn = Augmentation::none();
        if self.color {
            drawn = drawn.simple(Simple::Color {
                added: column(0).map(|u| u - 0.5).collect(),
                saturation: column(1).map(|u| 2.0 * u).collect(),
                contrast: column(2).map(|u| u + 0.5).collect(),
            });
        }
        if self.translation {
            let places = |size: usize, which: usize| {
                let most = (size as f64 * SHIFT + 0.5).floor();
                column(which)
                    .map(move |u| (u * (2.0 * most + 1.0)).floor() as isize - most as isize)
            };
            let shifts = places(height, 3).zip(places(width, 4)).collect();
            drawn = drawn.simple(Simple::Translation(shifts));
        }
        if self.cutout {
            let ranges = |size: usize, which: usize| {
                let side = (size as f64 * CUTOUT + 0.5).floor() as usize;
                let places = (size + 1 - side % 2) as f64;
                column(which).map(move |u| {
                    let start = (u * places).floor() as usize;
                    let from = start.saturating_sub(side / 2);
                    (from, (start + side - side / 2).min(size))
                })
            };
            let mut mask = Vec::with_capacity(n * height * width);
            for ((top, bottom), (left, right)) in ranges(height, 5).zip(ranges(width, 6)) {
                for y in 0..height {
                    let hit = (top..bottom).contains(&y);
                    mask.extend(
                        (0..width).map(
                            |x| {
                                if hit && (left..right).contains(&x) { 0f32 } else { 1.0 }
                            },
                        ),
                    );
                }
            }
            let mask = Tensor::from_vec(mask, (n, 1, height, width), &Device::Cpu)?;
            drawn = drawn.simple(Simple::Cutout(mask));
        }
        Ok(drawn)
    }
}

/// A step of DiffAugment for a batch.
#[derive(Debug, Clone)]
pub(crate) enum Simple {
    /// One number an image each.
    Color { added: Vec<f64>, saturation: Vec<f64>, contrast: Vec<f64> },
    /// Down and right, in pixels.
    Translation(Vec<(isize, isize)>),
    /// `[N, 1, H, W]`, zeros where images are cut out.
    Cutout(Tensor),
}

impl Simple {
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Color { added, saturation, contrast } => {
                let x = x.broadcast_add(&per_image(added, x)?)?;
                blend(&blend(&x, saturation, Mean::Pixel)?, contrast, Mean::Image)
            }
            Self::Translation(shifts) => translate(x, shifts.iter().copied()),
            Self::Cutout(mask) => cut(x, mask),
        }
    }

    pub(crate) fn vjp(&self, g: &Tensor) -> Result<Tensor> {
        match self {
            // Each blend is its own transpose.
            Self::Color { saturation, contrast, .. } => {
                blend(&blend(g, contrast, Mean::Image)?, saturation, Mean::Pixel)
            }
            Self::Translation(shifts) => translate(g, shifts.iter().map(|&(y, x)| (-y, -x))),
            Self::Cutout(mask) => cut(g, mask),
        }
    }
}

/// What a blend keeps.
enum Mean {
    /// The mean over channels.
    Pixel,
    /// The mean over channels and pixels.
    Image,
}

/// `mean + (x - mean) * factor`.
fn blend(x: &Tensor, factors: &[f64], what: Mean) -> Result<Tensor> {
    let mean = match what {
        Mean::Pixel => x.mean_keepdim(1)?,
        Mean::Image => x.mean_keepdim((1, 2, 3))?,
    };
    let factor = per_image(factors, x)?;
    let rest = mean.broadcast_mul(&factor.affine(-1.0, 1.0)?)?;
    x.broadcast_mul(&factor)?.broadcast_add(&rest)
}

fn cut(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    x.broadcast_mul(&mask.to_dtype(x.dtype())?.to_device(x.device())?)
}

/// `[N, 1, 1, 1]`.
fn per_image(values: &[f64], like: &Tensor) -> Result<Tensor> {
    Tensor::new(values, like.device())?.to_dtype(like.dtype())?.reshape((values.len(), 1, 1, 1))
}

/// Shifts every image down and right, zeros coming in.
fn translate(x: &Tensor, shifts: impl Iterator<Item = (isize, isize)>) -> Result<Tensor> {
    let images = shifts.enumerate().map(|(n, (down, right))| {
        let image = shifted(&x.narrow(0, n, 1)?, 2, down)?;
        shifted(&image, 3, right)
    });
    Tensor::cat(&images.collect::<Result<Vec<_>>>()?, 0)
}

fn shifted(x: &Tensor, dim: usize, by: isize) -> Result<Tensor> {
    let size = x.dim(dim)?;
    let amount = by.unsigned_abs().min(size);
    match by {
        0 => Ok(x.clone()),
        1.. => x.narrow(dim, 0, size - amount)?.pad_with_zeros(dim, amount, 0),
        _ => x.narrow(dim, amount, size - amount)?.pad_with_zeros(dim, 0, amount),
    }
}
