//! The shape of a discriminator.

use serde::{Deserialize, Serialize};
use stylegan_layers::{Architecture, FeatureMaps, Pyramid, PyramidError, Structure};

/// How a discriminator uses labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelHead {
    /// One score a class, of which the label selects (StyleGAN). StyleGAN2's network has its official head in this place: a deep
    /// mapping of the label, on which the features are projected.
    #[default]
    Switch,
    /// One score, and a prediction of the class beside it (Progressive GAN, after AC-GAN). StyleGAN2's network has none.
    AcGan,
    /// A score of the image alone, to which a projection of its features on a linear embedding of the label is added (Miyato and Koyama
    /// 2018). It learns attributes, of which an image has any number, from fewer images than the official heads.
    Projection,
}

/// Where a block halves the size of its maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downscale {
    /// In the second convolution, before its bias and activation: StyleGAN and StyleGAN2 always, Progressive GAN
    /// with `fused_scale`. Fused or not is the same function.
    #[default]
    InConvolution,
    /// After the second convolution's activation, by means of two by two pixels: Progressive GAN without `fused_scale`. In
    /// StyleGAN2's network it is no official choice; its shortcuts take means too.
    AfterActivation,
}

/// A discriminator's configuration; `Default` is StyleGAN's at 1024x1024.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscriminatorConfig {
    /// Nominal resolution, a power of two from 8 to 1024.
    pub resolution: usize,
    /// Height and width of the smallest block; images are `base * resolution / 4`.
    pub base: [usize; 2],
    /// Image channels: 1, 3 or 4.
    pub channels: usize,
    /// Components of the label, 0 for an unconditional network.
    pub label_dim: usize,
    /// What is done with labels.
    pub label_head: LabelHead,
    /// Overall multiplier of the number of feature maps (8192).
    pub fmap_base: usize,
    /// How fast that number falls with the resolution (1).
    pub fmap_decay: f64,
    /// Upper bound of that number (512).
    pub fmap_max: usize,
    /// `[1, 2, 1]` blur before downscaling (all but configuration A).
    pub blur: bool,
    /// Where a block halves the size of its maps.
    pub downscale: Downscale,
    /// Group size of the minibatch standard deviation (4); 0 or 1 for none.
    pub mbstd_group_size: usize,
    /// Its number of feature maps (1).
    pub mbstd_features: usize,
    /// Whether every resolution has its fromRGB layer.
    pub structure: Structure,
    /// StyleGAN2's network of this architecture instead (none). It filters with `[1, 3, 3, 1]`, does not grow, and projects on
    /// labels: `blur` and `structure` do not hold for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stylegan2: Option<Architecture>,
}

impl Default for DiscriminatorConfig {
    fn default() -> Self {
        Self {
            resolution: 1024,
            base: [4, 4],
            channels: 3,
            label_dim: 0,
            label_head: LabelHead::Switch,
            fmap_base: 8192,
            fmap_decay: 1.0,
            fmap_max: 512,
            blur: true,
            downscale: Downscale::InConvolution,
            mbstd_group_size: 4,
            mbstd_features: 1,
            structure: Structure::Growing,
            stylegan2: None,
        }
    }
}

impl DiscriminatorConfig {
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
}
