//! The augmentation pipeline of adaptive discriminator augmentation.

use std::f64::consts::PI;

use candle_core::{Device, Result};
use serde::{Deserialize, Serialize};
use stylegan_ops::random::Stream;
use stylegan_ops::{Affine, AffineWarps};

use crate::Augmentation;
use crate::color::ColorMaps;
use crate::matrix::{self, Matrix, about_grey, grey, identity, product, rotation, scaling, shift};

/// The largest shift by whole pixels, in sizes of the image.
const BLIT_SHIFT: f64 = 0.125;
/// Standard deviation of the shift by fractions of pixels, in sizes of the image.
const FRACTIONAL_SHIFT: f64 = 0.125;
/// Standard deviations of the binary logarithms of factors.
const SCALE: f64 = 0.2;
const CONTRAST: f64 = 0.5;
const SATURATION: f64 = 1.0;
/// Standard deviation of what is added to all components; images are from -1 to 1.
const BRIGHTNESS: f64 = 0.2;

/// Which groups of transformations there are; the paper's `bgc` has all three.
///
/// Karras et al. 2020 (limited data), appendix B, in this order, each transformation with probability p: mirroring, quarter turns, whole shifts;
/// isotropic scaling, a turn, anisotropic scaling, another turn, fractional shifts (the two turns together have probability p); brightness,
/// contrast, inversion of the luma, a turn of the hue, saturation. All geometric ones are one resampling, between a doubling and a halving with
/// an orthogonal wavelet, with mirrored borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdaPipeline {
    /// Pixel blitting: mirroring, quarter turns, whole shifts.
    pub blit: bool,
    /// General geometric transformations.
    pub geometric: bool,
    /// Colours.
    pub color: bool,
}

impl AdaPipeline {
    /// All three groups: the paper's choice.
    pub const BGC: Self = Self { blit: true, geometric: true, color: true };

    /// Draws transformations for images of `shape` `[N, C, H, W]`, each with probability `p`. An image's transformations depend on the stream and
    /// on its place in the batch alone; with `p` 0 nothing is done, bit for bit. Two ids of the stream are used: its own and the next.
    ///
    /// # Errors
    /// If the drawn numbers cannot be moved.
    pub fn draw(
        &self,
        p: f64,
        shape: (usize, usize, usize, usize),
        stream: Stream,
    ) -> Result<Augmentation> {
        let (n, channels, height, width) = shape;
        if p <= 0.0 {
            return Ok(Augmentation::none());
        }
        let draws = Draws::new(p.min(1.0), n, stream)?;
        let mut drawn = Augmentation::none();
        if self.blit || self.geometric {
            let size = (width as f64, height as f64);
            let warps = (0..n).map(|image| self.warp(&draws.of(image), size)).collect();
            drawn = drawn.warp(AffineWarps::new(warps));
        }
        if self.color {
            let maps: Vec<_> = (0..n).map(|image| color(&draws.of(image))).collect();
            drawn = drawn.color(ColorMaps::new(&maps, channels)?);
        }
        Ok(drawn)
    }

    /// From a place of the result to a place of the source, or none where nothing was drawn.
    fn warp(&self, draw: &Draw<'_>, (width, height): (f64, f64)) -> Option<Affine> {
        // The inverse of what is done to the image: the last transformation is the rightmost factor.
        let mut inverse: Option<Matrix<3>> = None;
        let mut then = |own: Matrix<3>| {
            inverse = Some(product(&inverse.unwrap_or_else(matrix::identity), &own));
        };
        if self.blit {
            if draw.happens(Gate::Mirror) && draw.uniform(Number::Mirror) >= 0.5 {
                then(scaling(-1.0, 1.0));
            }
            if draw.happens(Gate::QuarterTurn) {
                let quarters = (draw.uniform(Number::QuarterTurn) * 4.0).floor();
                if quarters > 0.0 {
                    then(exact_quarter_turns(quarters as usize));
                }
            }
            if draw.happens(Gate::WholeShift) {
                let pixels = |number, size: f64| {
                    ((draw.uniform(number) * 2.0 - 1.0) * BLIT_SHIFT * size).round()
                };
                let (x, y) = (pixels(Number::ShiftX, width), pixels(Number::ShiftY, height));
                then(shift(-x, -y));
            }
        }
        if self.geometric {
            if draw.happens(Gate::Scale) {
                let s = (draw.normal(Normal::Scale) * SCALE).exp2();
                then(scaling(1.0 / s, 1.0 / s));
            }
            // Of two turns, at least one happens with probability p.
            let turn = |number| rotation((draw.uniform(number) * 2.0 - 1.0) * PI);
            if draw.happens_of_two(Gate::FirstTurn) {
                then(turn(Number::FirstTurn));
            }
            if draw.happens(Gate::Stretch) {
                let s = (draw.normal(Normal::Stretch) * SCALE).exp2();
                then(scaling(1.0 / s, s));
            }
            if draw.happens_of_two(Gate::SecondTurn) {
                then(turn(Number::SecondTurn));
            }
            if draw.happens(Gate::FractionalShift) {
                let x = draw.normal(Normal::ShiftX) * FRACTIONAL_SHIFT * width;
                let y = draw.normal(Normal::ShiftY) * FRACTIONAL_SHIFT * height;
                then(shift(-x, -y));
            }
        }
        inverse.map(|[x, y, _]| [x, y])
    }
}

/// Sines and cosines of quarter turns are whole numbers, which those of the library are only nearly.
fn exact_quarter_turns(quarters: usize) -> Matrix<3> {
    let quarter = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]];
    (0..quarters).fold(identity(), |turned, _| product(&turned, &quarter))
}

/// What is done to a colour `[r, g, b, 1]`, or none where nothing was drawn.
fn color(draw: &Draw<'_>) -> Option<Matrix<4>> {
    let mut map: Option<Matrix<4>> = None;
    let mut then = |own: Matrix<4>| {
        map = Some(product(&own, &map.unwrap_or_else(identity)));
    };
    if draw.happens(Gate::Brightness) {
        then(grey(1.0, draw.normal(Normal::Brightness) * BRIGHTNESS));
    }
    if draw.happens(Gate::Contrast) {
        then(grey((draw.normal(Normal::Contrast) * CONTRAST).exp2(), 0.0));
    }
    if draw.happens(Gate::LumaFlip) && draw.uniform(Number::LumaFlip) >= 0.5 {
        then(about_grey(-1.0, 1.0, 0.0));
    }
    if draw.happens(Gate::Hue) {
        then(about_grey(1.0, 1.0, (draw.uniform(Number::Hue) * 2.0 - 1.0) * PI));
    }
    if draw.happens(Gate::Saturation) {
        then(about_grey(1.0, (draw.normal(Normal::Saturation) * SATURATION).exp2(), 0.0));
    }
    map
}

/// Uniform numbers that decide whether a transformation happens.
#[derive(Clone, Copy)]
enum Gate {
    Mirror,
    QuarterTurn,
    WholeShift,
    Scale,
    FirstTurn,
    Stretch,
    SecondTurn,
    FractionalShift,
    Brightness,
    Contrast,
    LumaFlip,
    Hue,
    Saturation,
}

/// Uniform numbers that decide how strong one is; they follow the gates.
#[derive(Clone, Copy)]
enum Number {
    Mirror = 13,
    QuarterTurn,
    ShiftX,
    ShiftY,
    FirstTurn,
    SecondTurn,
    LumaFlip,
    Hue,
}

/// Normal numbers that do.
#[derive(Clone, Copy)]
enum Normal {
    Scale,
    Stretch,
    ShiftX,
    ShiftY,
    Brightness,
    Contrast,
    Saturation,
}

/// Numbers an image, uniform and normal; a few are spare.
const UNIFORMS: usize = 24;
const NORMALS: usize = 8;

struct Draws {
    p: f64,
    uniform: Vec<f32>,
    normal: Vec<f32>,
}

/// The numbers of one image.
struct Draw<'a> {
    p: f64,
    uniform: &'a [f32],
    normal: &'a [f32],
}

impl Draws {
    fn new(p: f64, n: usize, stream: Stream) -> Result<Self> {
        let next = Stream { id: stream.id + 1, ..stream };
        let uniform = stream.uniform(n * UNIFORMS, &Device::Cpu)?.to_vec1::<f32>()?;
        Ok(Self { p, uniform, normal: next.normal(n * NORMALS, &Device::Cpu)?.to_vec1::<f32>()? })
    }

    fn of(&self, image: usize) -> Draw<'_> {
        let uniform = &self.uniform[image * UNIFORMS..][..UNIFORMS];
        Draw { p: self.p, uniform, normal: &self.normal[image * NORMALS..][..NORMALS] }
    }
}

impl Draw<'_> {
    fn happens(&self, gate: Gate) -> bool {
        f64::from(self.uniform[gate as usize]) < self.p
    }

    fn happens_of_two(&self, gate: Gate) -> bool {
        f64::from(self.uniform[gate as usize]) < 1.0 - (1.0 - self.p).sqrt()
    }

    fn uniform(&self, number: Number) -> f64 {
        f64::from(self.uniform[number as usize])
    }

    fn normal(&self, number: Normal) -> f64 {
        f64::from(self.normal[number as usize])
    }
}
