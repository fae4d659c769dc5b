//! What a network computes in.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Clamp, Pullback, Pyramid};

/// A format of floating-point numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatFormat {
    /// 32 bits.
    #[default]
    Float32,
    /// 16 bits: the range of float32 with 8 binary digits.
    Bfloat16,
    /// 16 bits: 11 binary digits, up to 65504.
    Float16,
}

impl FloatFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Float32, Self::Bfloat16, Self::Float16];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        }
    }

    /// candle's type.
    pub fn dtype(self) -> DType {
        match self {
            Self::Float32 => DType::F32,
            Self::Bfloat16 => DType::BF16,
            Self::Float16 => DType::F16,
        }
    }

    /// Whether a number has 16 bits.
    pub fn is_half(self) -> bool {
        self != Self::Float32
    }
}

impl fmt::Display for FloatFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is not one of [`FloatFormat`]'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat(pub String);

impl std::error::Error for UnknownFormat {}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown format {:?}: expected float32, bfloat16 or float16", self.0)
    }
}

impl FromStr for FloatFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// How a network computes: its highest resolutions in 16 bits, the others in float32, as StyleGAN2's official code (Karras et al.
/// 2020b, appendix D). It is no property of the weights: those are float32 everywhere, and a network may be trained in one precision
/// and used in another.
///
/// Images are float32 on the way in and out, and so are styles, demodulation and the smallest block. Each operation computes in
/// float32 and rounds its result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    /// The format of the highest resolutions' maps.
    pub dtype: FloatFormat,
    /// How many resolutions those are, from the full one on (4). The smallest block is never among them.
    pub half_blocks: usize,
    /// What comes out of activations and goes into images is kept between this and its negative (256), in all blocks of a network
    /// of which some compute in 16 bits.
    pub clamp: f64,
}

impl Precision {
    /// Everything in float32.
    pub const FLOAT32: Self = Self::official(FloatFormat::Float32);

    /// A factor on cotangents in float16, whose least normal number is 2^-14: gradients with respect to images and styles are small.
    const FLOAT16_COTANGENT: f64 = 1024.0;

    /// The official number of blocks and limit, in a format.
    pub const fn official(dtype: FloatFormat) -> Self {
        Self { dtype, half_blocks: 4, clamp: 256.0 }
    }

    /// Whether any block computes in 16 bits.
    pub fn is_mixed(&self) -> bool {
        self.dtype.is_half() && self.half_blocks > 0
    }

    /// The limit of activations multiplied by `gain`; none in a network that computes in float32.
    pub fn clamp(&self, gain: f64) -> Clamp {
        if self.is_mixed() { Clamp::to(self.clamp * gain) } else { Clamp::NONE }
    }

    /// Whether the block, counted from the smallest, computes in 16 bits.
    pub fn is_half(&self, block: usize, blocks: usize) -> bool {
        self.is_mixed() && block > 0 && block + self.half_blocks >= blocks
    }

    /// What goes into a block, in the format that the block computes in.
    pub fn enter(&self, x: &Tensor, pyramid: &Pyramid, block: usize) -> Result<Tensor> {
        if !self.is_mixed() {
            return Ok(x.clone());
        }
        let half = self.is_half(block, pyramid.blocks());
        x.to_dtype(if half { self.dtype.dtype() } else { DType::F32 })
    }

    /// As [`Self::enter`], with the way back.
    pub fn enter_with_vjp(
        &self,
        x: &Tensor,
        pyramid: &Pyramid,
        block: usize,
    ) -> Result<(Tensor, Pullback)> {
        let before = x.dtype();
        let entered = self.enter(x, pyramid, block)?;
        Ok((entered, Pullback::new(move |g| g.to_dtype(before))))
    }

    /// What comes out of a block as an image.
    pub fn leave(&self, x: &Tensor) -> Result<Tensor> {
        if self.is_mixed() { x.to_dtype(DType::F32) } else { Ok(x.clone()) }
    }

    /// The way back through a network, for a cotangent and a gradient in float32: what lies between is computed for the cotangent
    /// times a constant, so that small gradients do not vanish in float16.
    pub fn scaled_vjp(
        &self,
        cotangent: &Tensor,
        vjp: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if !(self.is_mixed() && self.dtype == FloatFormat::Float16) {
            return vjp(cotangent);
        }
        let scale = Self::FLOAT16_COTANGENT;
        vjp(&cotangent.affine(scale, 0.0)?)?.affine(1.0 / scale, 0.0)
    }
}

impl Default for Precision {
    fn default() -> Self {
        Self::FLOAT32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_as_they_are_written() {
        for format in FloatFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "half".parse::<FloatFormat>().unwrap_err().to_string();
        assert!(error.contains("\"half\"") && error.contains("bfloat16"), "{error}");
    }

    #[test]
    fn the_highest_resolutions_but_never_the_smallest() {
        let precision = Precision::official(FloatFormat::Bfloat16);
        let half = |blocks: usize| -> Vec<bool> {
            (0..blocks).map(|block| precision.is_half(block, blocks)).collect()
        };
        // 1024x1024: from 128x128 on.
        assert_eq!(half(9).iter().position(|&half| half), Some(5));
        assert_eq!(half(3), [false, true, true]);
        let none = Precision { half_blocks: 0, ..precision };
        assert!(!none.is_mixed() && !none.is_half(8, 9));
        assert!(!Precision::FLOAT32.is_half(8, 9));
    }
}
