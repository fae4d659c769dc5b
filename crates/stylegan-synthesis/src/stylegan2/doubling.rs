//! How maps and images are made twice as large outside of convolutions.

use candle_core::{Result, Tensor};
use stylegan_ops::{self as ops, Upfirdn};

use crate::{SynthesisConfig, Upscale};

/// Doubles height and width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Doubling {
    /// The filter `[1, 3, 3, 1]`, with zeros beyond the border.
    Filtered,
    /// The same inside, with the border repeated.
    Bilinear,
}

impl Doubling {
    /// What a network doubles its images with, and its maps where its convolutions do not.
    pub(super) fn of(config: &SynthesisConfig) -> Self {
        match config.upscale {
            Upscale::InConvolution => Self::Filtered,
            Upscale::BeforeConvolution => Self::Bilinear,
        }
    }

    /// `[N, C, H, W]` to `[N, C, 2H, 2W]`.
    pub(super) fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Filtered => ops::upfirdn2d(x, &Upfirdn::doubling()),
            Self::Bilinear => ops::upsample_bilinear2d(x),
        }
    }

    /// From the gradient of the result to that of an input of height and width `size`.
    pub(super) fn vjp(self, g: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        match self {
            Self::Filtered => ops::upfirdn2d_vjp(g, &Upfirdn::doubling(), size),
            Self::Bilinear => ops::upsample_bilinear2d_vjp(g),
        }
    }
}
