//! The arithmetic of resolutions, levels of detail and channels.

use candle_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// When up- and downscaling convolutions are the official fused functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FusedScale {
    /// From 128 pixels of the larger map's shorter side on (the official default).
    #[default]
    Auto,
    /// Always.
    True,
    /// Never.
    False,
}

impl FusedScale {
    /// Whether a layer is fused whose larger map (output of an upscaling, input of a downscaling)
    /// has this height and width.
    pub fn applies(self, (height, width): (usize, usize)) -> bool {
        match self {
            Self::Auto => height.min(width) >= 128,
            Self::True => true,
            Self::False => false,
        }
    }
}

/// Whether the network can fade between resolutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Every resolution has its toRGB or fromRGB; the level of detail selects and fades.
    #[default]
    Growing,
    /// Only the full resolution has one; the level of detail must be 0.
    Fixed,
}

/// How the blocks of a StyleGAN2 network are joined (Karras et al. 2020, figure 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// One after the other.
    Orig,
    /// Every block makes an image of its own, or gets one (the generator's default).
    #[default]
    Skip,
    /// Every block has a shortcut around it (the discriminator's default).
    Resnet,
}

/// How many feature maps a block has: `min(base / 2^(stage * decay), max)`, where the block of
/// nominal resolution `r` is of stage `log2(r) - 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureMaps {
    /// Overall multiplier (8192).
    pub base: usize,
    /// How fast their number falls with the resolution (1).
    pub decay: f64,
    /// Upper bound (512).
    pub max: usize,
}

impl FeatureMaps {
    /// The number for block `block` (0 is the 4x4 block, of stage 1).
    pub fn of_block(&self, block: usize) -> usize {
        self.of_stage(block + 1)
    }

    /// The number for a stage.
    pub fn of_stage(&self, stage: usize) -> usize {
        let maps = self.base as f64 / 2f64.powf(stage as f64 * self.decay);
        (maps as usize).min(self.max)
    }
}

/// The pyramid of resolutions between a base and the full size.
///
/// Blocks are counted from the smallest (block 0 has the base's size) and named by their nominal
/// resolution 4, 8, 16, ...; the level of detail is counted from the full size (0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pyramid {
    resolution: usize,
    base: (usize, usize),
}

/// What can be wrong with a resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PyramidError {
    /// Not a power of two from 8 to 1024.
    Resolution(usize),
    /// The base has an empty side.
    Base(usize, usize),
}

impl std::error::Error for PyramidError {}

impl std::fmt::Display for PyramidError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Resolution(r) => {
                write!(f, "resolution must be a power of two from 8 to 1024, not {r}")
            }
            Self::Base(h, w) => write!(f, "the base of {h} x {w} has an empty side"),
        }
    }
}

impl Pyramid {
    /// A pyramid of nominal `resolution` whose smallest block has `base` (height, width) pixels;
    /// the full size is `base * resolution / 4`, square for the official base (4, 4).
    ///
    /// # Errors
    /// If the resolution is not a power of two from 8 to 1024, or the base is empty.
    pub fn new(resolution: usize, base: (usize, usize)) -> std::result::Result<Self, PyramidError> {
        if !resolution.is_power_of_two() || !(8..=1024).contains(&resolution) {
            return Err(PyramidError::Resolution(resolution));
        }
        if base.0 == 0 || base.1 == 0 {
            return Err(PyramidError::Base(base.0, base.1));
        }
        Ok(Self { resolution, base })
    }

    /// How many blocks there are: `log2(resolution) - 1`.
    pub fn blocks(&self) -> usize {
        self.resolution.ilog2() as usize - 1
    }

    /// The nominal resolution of a block: 4, 8, 16, ...
    pub fn nominal(&self, block: usize) -> usize {
        4 << block
    }

    /// Height and width of a block's output.
    pub fn size(&self, block: usize) -> (usize, usize) {
        (self.base.0 << block, self.base.1 << block)
    }

    /// Height and width at full resolution.
    pub fn full_size(&self) -> (usize, usize) {
        self.size(self.blocks() - 1)
    }

    /// Splits a level of detail into the last block that it uses and the weight of the block
    /// before (0 where nothing is faded). Levels beyond the smallest block count as that block.
    ///
    /// # Errors
    /// If the level is negative or not a number, or not 0 in a fixed structure.
    pub fn split(&self, lod: f64, structure: Structure) -> Result<(usize, f64)> {
        if lod.is_nan() || lod < 0.0 {
            return Err(Error::Msg(format!("lod must be 0 or more, not {lod}")).bt());
        }
        if structure == Structure::Fixed && lod != 0.0 {
            let message = format!("a network of fixed structure has no lod but 0, not {lod}");
            return Err(Error::Msg(message).bt());
        }
        let last = self.blocks() - 1;
        let lod = lod.min(last as f64);
        Ok((last - lod.floor() as usize, lod.fract()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_feature_maps() {
        let maps = FeatureMaps { base: 8192, decay: 1.0, max: 512 };
        let all: Vec<_> = (0..9).map(|block| maps.of_block(block)).collect();
        assert_eq!(all, [512, 512, 512, 512, 256, 128, 64, 32, 16]);
    }

    #[test]
    fn lods_split_into_block_and_fade() -> Result<()> {
        let pyramid = Pyramid::new(32, (4, 6)).unwrap();
        assert_eq!((pyramid.blocks(), pyramid.full_size()), (4, (32, 48)));
        assert_eq!(pyramid.split(0.0, Structure::Growing)?, (3, 0.0));
        assert_eq!(pyramid.split(1.25, Structure::Growing)?, (2, 0.25));
        assert_eq!(pyramid.split(9.0, Structure::Growing)?, (0, 0.0));
        assert!(pyramid.split(-1.0, Structure::Growing).is_err());
        assert!(pyramid.split(0.5, Structure::Fixed).is_err());
        Ok(())
    }

    #[test]
    fn only_powers_of_two_are_resolutions() {
        assert_eq!(Pyramid::new(48, (4, 4)), Err(PyramidError::Resolution(48)));
        assert_eq!(Pyramid::new(4, (4, 4)), Err(PyramidError::Resolution(4)));
        assert_eq!(Pyramid::new(2048, (4, 4)), Err(PyramidError::Resolution(2048)));
        assert_eq!(Pyramid::new(8, (0, 4)), Err(PyramidError::Base(0, 4)));
    }
}
