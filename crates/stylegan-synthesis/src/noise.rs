//! What is added after the convolutions: nothing, fixed maps, or fresh random maps.
//!
//! The paper adds Gaussian noise (Karras et al. 2019, section 3.2). The other kinds are for experiments: same mean and variance, another
//! distribution or another spectrum. A random map follows from seed, step, layer and image alone, so nothing about it has to be stored.

use std::fmt;
use std::str::FromStr;

use candle_core::{Device, Result, Tensor};
use noise::{Fbm, MultiFractal, NoiseFn, Perlin, Simplex};
use serde::{Deserialize, Serialize};
use stylegan_ops::random::Stream;

/// Keeps the ids of the maps' streams apart from those of other draws.
const STREAM: u32 = 0x4e4f_0000;

/// Pixels from one feature of Perlin and simplex noise to the next.
const FEATURE: f64 = 4.0;

/// Pixels from one feature to the next in the first of the octaves; each further one halves it.
const FIRST_OCTAVE: f64 = 16.0;

/// Octaves that are summed, each with half the height of the one before.
const OCTAVES: usize = 4;

/// Where the noise inputs of the synthesis network come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Noise {
    /// No noise at all.
    None,
    /// The network's own fixed maps, `noise.const` of each layer: the same image every time.
    #[default]
    Const,
    /// Fresh maps, one an image.
    Random {
        /// The key of the random numbers: one for a run.
        seed: u64,
        /// Which of the draws: a training step, or an image's number.
        step: u64,
        /// The distribution.
        kind: NoiseKind,
    },
    /// Fresh maps that all images of a call share: what the points of a path are compared with.
    Shared {
        /// The key of the random numbers: one for a measurement.
        seed: u64,
        /// Which of the draws.
        step: u64,
        /// The distribution.
        kind: NoiseKind,
    },
}

impl Noise {
    /// The maps `[1 or N, 1, H, W]` for a result `[N, .., H, W]` of `layer`, whose fixed map is `constant`; `None` without noise.
    pub(crate) fn maps(
        &self,
        constant: &Tensor,
        layer: usize,
        (n, h, w): (usize, usize, usize),
    ) -> Result<Option<Tensor>> {
        let (count, seed, step, kind) = match *self {
            Self::None => return Ok(None),
            Self::Const => return Ok(Some(constant.clone())),
            Self::Random { seed, step, kind } => (n, seed, step, kind),
            Self::Shared { seed, step, kind } => (1, seed, step, kind),
        };
        let maps = kind.map(seed, step, layer as u32, count, h, w, constant.device())?;
        maps.to_dtype(constant.dtype()).map(Some)
    }
}

/// The distribution of random noise maps. Each kind has mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// Independent normal numbers: the paper's noise.
    #[default]
    Gaussian,
    /// Independent uniform numbers between `-sqrt(3)` and `sqrt(3)`.
    Uniform,
    /// Zeros, but one pixel in eight is `sqrt(8)` or `-sqrt(8)`.
    #[serde(alias = "salt-and-pepper")]
    SaltAndPepper,
    /// Perlin's gradient noise with features of four pixels; each map is normalized by its own mean and variance.
    Perlin,
    /// Simplex noise with features of four pixels; each map is normalized by its own mean and variance.
    Simplex,
    /// Four octaves of Perlin noise with features of 16, 8, 4 and 2 pixels, each half as high as the one before; each map is
    /// normalized by its own mean and variance.
    Octaves,
}

impl NoiseKind {
    /// Every kind, the paper's first.
    pub const ALL: [Self; 6] = [
        Self::Gaussian,
        Self::Uniform,
        Self::SaltAndPepper,
        Self::Perlin,
        Self::Simplex,
        Self::Octaves,
    ];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Uniform => "uniform",
            Self::SaltAndPepper => "salt_and_pepper",
            Self::Perlin => "perlin",
            Self::Simplex => "simplex",
            Self::Octaves => "octaves",
        }
    }

    /// The maps of one layer, float32 [batch, 1, height, width], with mean 0 and variance 1.
    ///
    /// Maps differ between images of the batch, layers, steps and seeds; the same arguments give the same maps. An image's map does
    /// not depend on the size of the batch.
    ///
    /// # Errors
    /// If the maps cannot be moved to `device`.
    pub fn map(
        self,
        seed: u64,
        step: u64,
        layer: u32,
        batch: usize,
        height: usize,
        width: usize,
        device: &Device,
    ) -> Result<Tensor> {
        let stream = Stream::new(seed, step, STREAM + layer);
        let shape = (batch, 1, height, width);
        match self {
            Self::Gaussian => stream.normal(shape, device),
            Self::Uniform => {
                let root_three = 3f64.sqrt();
                stream.uniform(shape, device)?.affine(2.0 * root_three, -root_three)
            }
            Self::SaltAndPepper => stream.salt_and_pepper(shape, device),
            Self::Perlin | Self::Simplex | Self::Octaves => {
                let mut maps = Vec::with_capacity(batch * height * width);
                for image in 0..batch as u64 {
                    maps.extend(self.coherent(&stream, image, height, width));
                }
                Tensor::from_vec(maps, shape, device)
            }
        }
    }

    /// A map of one of the kinds whose neighbouring pixels depend on each other.
    fn coherent(self, stream: &Stream, image: u64, height: usize, width: usize) -> Vec<f32> {
        let [seed, ..] = stream.bits_at(2 * image);
        // The lattice repeats after 256 features; at its points gradient noise is zero.
        let [x, y, ..] = stream.bits_at(2 * image + 1);
        let origin = [x, y].map(|bits| f64::from(bits) * (256.0 / 4_294_967_296.0));
        let field: Box<dyn NoiseFn<f64, 2>> = match self {
            Self::Simplex => Box::new(Simplex::new(seed)),
            Self::Octaves => Box::new(
                Fbm::<Perlin>::new(seed)
                    .set_octaves(OCTAVES)
                    .set_frequency(1.0)
                    .set_lacunarity(2.0)
                    .set_persistence(0.5),
            ),
            _ => Box::new(Perlin::new(seed)),
        };
        let feature = if self == Self::Octaves { FIRST_OCTAVE } else { FEATURE };
        let values = (0..height * width).map(|pixel| {
            let (row, column) = ((pixel / width) as f64, (pixel % width) as f64);
            field.get([origin[0] + column / feature, origin[1] + row / feature])
        });
        normalized(values.collect())
    }
}

/// Values minus their mean, divided by their standard deviation; zeros if they are all the same.
fn normalized(values: Vec<f64>) -> Vec<f32> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    let factor = if variance > 1e-20 { 1.0 / variance.sqrt() } else { 0.0 };
    values.into_iter().map(|v| ((v - mean) * factor) as f32).collect()
}

impl fmt::Display for NoiseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is not one of [`NoiseKind`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown noise {0:?}: expected gaussian, uniform, salt_and_pepper, perlin, simplex or octaves"
)]
pub struct UnknownNoise(pub String);

impl FromStr for NoiseKind {
    type Err = UnknownNoise;

    /// The kind of that name; hyphens may stand for underscores.
    fn from_str(name: &str) -> std::result::Result<Self, UnknownNoise> {
        let snake = name.replace('-', "_");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == snake);
        found.ok_or_else(|| UnknownNoise(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kind: NoiseKind, step: u64, layer: u32, batch: usize, side: usize) -> Vec<f32> {
        let map = kind.map(5, step, layer, batch, side, side, &Device::Cpu).unwrap();
        assert_eq!(map.dims(), [batch, 1, side, side]);
        map.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn moments(values: &[f32]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        (mean, variance)
    }

    /// The correlation of horizontal neighbours.
    fn neighbours(values: &[f32], side: usize) -> f64 {
        let pairs = values.chunks(side).flat_map(|row| row.windows(2));
        let products: Vec<f64> = pairs.map(|pair| f64::from(pair[0] * pair[1])).collect();
        products.iter().sum::<f64>() / products.len() as f64
    }

    #[test]
    fn every_kind_has_mean_zero_and_unit_variance() {
        for kind in NoiseKind::ALL {
            let (mean, variance) = moments(&values(kind, 0, 3, 4, 128));
            assert!(mean.abs() < 0.03, "{kind}: mean {mean}");
            assert!((variance - 1.0).abs() < 0.05, "{kind}: variance {variance}");
        }
    }

    #[test]
    fn small_and_odd_maps_are_finite() {
        for kind in NoiseKind::ALL {
            for (height, width) in [(1, 1), (4, 4), (3, 7)] {
                let map = kind.map(0, 0, 0, 2, height, width, &Device::Cpu).unwrap();
                let map: Vec<f32> = map.flatten_all().unwrap().to_vec1().unwrap();
                assert!(map.iter().all(|v| v.is_finite()), "{kind} {height}x{width}");
            }
        }
    }

    #[test]
    fn coherent_kinds_are_smooth_and_the_others_are_not() {
        for kind in NoiseKind::ALL {
            let correlation = neighbours(&values(kind, 0, 0, 1, 128), 128);
            match kind {
                NoiseKind::Perlin | NoiseKind::Simplex | NoiseKind::Octaves => {
                    assert!(correlation > 0.5, "{kind}: {correlation}");
                }
                _ => assert!(correlation.abs() < 0.05, "{kind}: {correlation}"),
            }
        }
    }

    #[test]
    fn octaves_reach_further_than_one_frequency() {
        let far = |kind| {
            let map = values(kind, 0, 0, 8, 128);
            let products = map.chunks(128).flat_map(|row| row.windows(5));
            let products: Vec<f64> = products.map(|w| f64::from(w[0] * w[4])).collect();
            products.iter().sum::<f64>() / products.len() as f64
        };
        assert!(far(NoiseKind::Octaves) > far(NoiseKind::Perlin) + 0.2);
    }

    #[test]
    fn maps_follow_from_their_arguments() {
        for kind in NoiseKind::ALL {
            let map = values(kind, 7, 2, 2, 16);
            assert_eq!(map, values(kind, 7, 2, 2, 16), "{kind}");
            assert_ne!(map[..256], map[256..], "{kind}: images");
            assert_ne!(map, values(kind, 8, 2, 2, 16), "{kind}: steps");
            assert_ne!(map, values(kind, 7, 3, 2, 16), "{kind}: layers");
            assert_eq!(map[..256], values(kind, 7, 2, 1, 16), "{kind}: batch");
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in NoiseKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.to_string().replace('_', "-").parse(), Ok(kind));
        }
        let error = "pink".parse::<NoiseKind>().unwrap_err().to_string();
        assert!(error.contains("pink") && error.contains("salt_and_pepper"), "{error}");
    }
}
