//! What an encoder is made of.

use serde::{Deserialize, Serialize};

use crate::PspError;

/// The residual network under an encoder or an identity network (Deng et al. 2019, section 3.1; He et al. 2016).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneConfig {
    /// How many units.
    pub depth: Depth,
    /// Whether each unit ends in squeeze and excitation (true): IR-SE, else IR.
    pub squeeze_excitation: bool,
    /// Channels of the first of four groups, each of which has twice those of the one before (64). The last has the width of all that
    /// follows.
    pub base_width: usize,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self { depth: Depth::D50, squeeze_excitation: true, base_width: 64 }
    }
}

/// The published depths, and a shallow one for small images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// 8 units: not a published network.
    #[serde(rename = "18")]
    D18,
    /// 24 units.
    #[serde(rename = "50")]
    D50,
    /// 49 units.
    #[serde(rename = "100")]
    D100,
    /// 50 units.
    #[serde(rename = "152")]
    D152,
}

impl Depth {
    /// Units of each group.
    pub fn units(self) -> [usize; 4] {
        match self {
            Self::D18 => [2, 2, 2, 2],
            Self::D50 => [3, 4, 14, 3],
            Self::D100 => [3, 13, 30, 3],
            Self::D152 => [3, 8, 36, 3],
        }
    }
}

impl BackboneConfig {
    /// Channels of a group, counted from 0.
    pub fn channels(&self, group: usize) -> usize {
        self.base_width << group
    }

    /// Channels of the last group.
    pub fn width(&self) -> usize {
        self.channels(3)
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// If the width is none that can be squeezed to a sixteenth.
    pub fn validate(&self) -> Result<(), PspError> {
        if self.base_width == 0 || !self.base_width.is_multiple_of(16) {
            let reason = format!("base_width must be a multiple of 16, not {}", self.base_width);
            return Err(PspError::Config { reason });
        }
        Ok(())
    }
}

/// Which of the paper's three encoders (Richardson et al. 2021, sections 3 and 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderKind {
    /// A feature pyramid, and a small network of its own for every style: pSp.
    GradualStyle,
    /// The baseline into W: one style for all layers, from the mean of the last map.
    IntoW,
    /// The baseline into W+: all styles from the last map by one dense layer.
    IntoWPlus,
}

/// An encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderConfig {
    /// Which of the three.
    pub kind: EncoderKind,
    /// The residual network.
    pub backbone: BackboneConfig,
    /// Channels of the input images: 3, or 1 for sketches, or one a class for segmentations.
    pub input_channels: usize,
    /// Height and width of the input images (256): a power of two from 32 on.
    pub input_size: usize,
    /// Styles, one a layer of the decoder (18 at 1024x1024).
    pub styles: usize,
    /// Components of a style (512).
    pub w_dim: usize,
    /// Whether codes are distances from the decoder's average latent, which is kept with the parameters as `latent_avg` (true).
    pub start_from_average: bool,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            kind: EncoderKind::GradualStyle,
            backbone: BackboneConfig::default(),
            input_channels: 3,
            input_size: 256,
            styles: 18,
            w_dim: 512,
            start_from_average: true,
        }
    }
}

impl EncoderConfig {
    /// A shallow and narrow encoder of small images, for the CPU.
    pub fn small(input_size: usize, styles: usize, w_dim: usize) -> Self {
        let backbone =
            BackboneConfig { depth: Depth::D18, base_width: 32, squeeze_excitation: true };
        Self { backbone, input_size, styles, w_dim, ..Self::default() }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Names the first that cannot be.
    pub fn validate(&self) -> Result<(), PspError> {
        self.backbone.validate()?;
        let fault = |reason: String| Err(PspError::Config { reason });
        if !self.input_size.is_power_of_two() || !(32..=1024).contains(&self.input_size) {
            return fault(format!(
                "input_size must be a power of two from 32 to 1024, not {}",
                self.input_size
            ));
        }
        for (name, value) in [
            ("input_channels", self.input_channels),
            ("styles", self.styles),
            ("w_dim", self.w_dim),
        ] {
            if value == 0 {
                return fault(format!("{name} must be at least 1"));
            }
        }
        Ok(())
    }

    /// Whether its codes are those of a decoder with `styles` styles of `w_dim` components.
    ///
    /// # Errors
    /// [`PspError::Decoder`] if not.
    pub fn fits(&self, styles: usize, w_dim: usize) -> Result<(), PspError> {
        if (self.styles, self.w_dim) == (styles, w_dim) {
            return Ok(());
        }
        Err(PspError::Decoder { encoder: (self.styles, self.w_dim), decoder: (styles, w_dim) })
    }
}
