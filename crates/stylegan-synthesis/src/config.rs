//! The shape of a synthesis network.

use serde::{Deserialize, Serialize};
use stylegan_layers::{
    Architecture, FeatureMaps, FusedScale, NORM_EPSILON, Pyramid, PyramidError, Structure,
};

/// Where StyleGAN2's synthesis network doubles the size of its maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upscale {
    /// In the convolution: a transposed one of stride 2, and the filter `[1, 3, 3, 1]` (Karras et al. 2020, appendix B).
    #[default]
    InConvolution,
    /// Bilinearly, before a convolution at full size. It costs more and has no rim of zeros; for what a short run learns see
    /// `docs/learning.md`.
    BeforeConvolution,
}

impl Upscale {
    /// Configurations of official networks are written without the key.
    fn is_official(&self) -> bool {
        *self == Self::InConvolution
    }
}

/// A synthesis network's configuration; `Default` is the paper's configuration F at 1024x1024.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SynthesisConfig {
    /// Nominal resolution, a power of two from 8 to 1024.
    pub resolution: usize,
    /// Height and width of the smallest block; images are `base * resolution / 4`.
    pub base: [usize; 2],
    /// Image channels: 1, 3 or 4.
    pub channels: usize,
    /// Components of the intermediate latent `w`.
    pub w_dim: usize,
    /// Overall multiplier of the number of feature maps (8192).
    pub fmap_base: usize,
    /// How fast that number falls with the resolution (1).
    pub fmap_decay: f64,
    /// Upper bound of that number (512).
    pub fmap_max: usize,
    /// Style modulation after every convolution (configurations C to F).
    pub use_styles: bool,
    /// A learned constant instead of a dense layer on the latent (D to F).
    pub const_input: bool,
    /// Noise inputs (E, F).
    pub use_noise: bool,
    /// Pixel norm after every activation (A, B).
    pub pixel_norm: bool,
    /// Instance norm after every activation (C to F).
    pub instance_norm: bool,
    /// Added to the variance in the normalisations (1e-8; 1e-5 in networks of rosinality's port).
    pub norm_epsilon: f64,
    /// `[1, 2, 1]` blur after upscaling (B to F).
    pub blur: bool,
    /// Blur with a stored kernel for each channel instead (false; true in networks of rosinality's port whose kernels
    /// are not `[1, 2, 1]`).
    pub custom_blur: bool,
    /// Add the bias before the blur instead of behind it, which differs at the borders (false; true in networks of
    /// rosinality's port).
    pub bias_before_blur: bool,
    /// When upscaling convolutions are the official fused function.
    pub fused_scale: FusedScale,
    /// Whether every resolution has its toRGB layer.
    pub structure: Structure,
    /// StyleGAN2's network of this architecture instead (none). It has styles, a constant input and no normalisation, and does not
    /// grow: of the switches above, only `use_noise` holds for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stylegan2: Option<Architecture>,
    /// Where StyleGAN2's network doubles the size of its maps; StyleGAN's does not look at it.
    #[serde(skip_serializing_if = "Upscale::is_official")]
    pub upscale: Upscale,
}

impl Default for SynthesisConfig {
    fn default() -> Self {
        Self {
            resolution: 1024,
            base: [4, 4],
            channels: 3,
            w_dim: 512,
            fmap_base: 8192,
            fmap_decay: 1.0,
            fmap_max: 512,
            use_styles: true,
            const_input: true,
            use_noise: true,
            pixel_norm: false,
            instance_norm: true,
            norm_epsilon: NORM_EPSILON,
            blur: true,
            custom_blur: false,
            bias_before_blur: false,
            fused_scale: FusedScale::Auto,
            structure: Structure::Growing,
            stylegan2: None,
            upscale: Upscale::InConvolution,
        }
    }
}

impl SynthesisConfig {
    /// The resolutions from base to full size.
    ///
    /// # Errors
    /// If the resolution or the base cannot be.
    pub fn pyramid(&self) -> Result<Pyramid, PyramidError> {
        Pyramid::new(self.resolution, (self.base[0], self.base[1]))
    }

    /// The number of feature maps of each block.
    pub fn feature_maps(&self) -> FeatureMaps {
        FeatureMaps { base: self.fmap_base, decay: self.fmap_decay, max: self.fmap_max }
    }

    /// The number of layers that take a style: `2 * log2(resolution) - 2`.
    ///
    /// # Errors
    /// If the resolution or the base cannot be.
    pub fn num_layers(&self) -> Result<usize, PyramidError> {
        Ok(2 * self.pyramid()?.blocks())
    }
}
