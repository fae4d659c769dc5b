//! The shape of a whole generator.

use serde::{Deserialize, Serialize};
use stylegan_layers::{Architecture, Structure};
use stylegan_mapping::MappingConfig;
use stylegan_synthesis::SynthesisConfig;

/// Mapping and synthesis; `Default` is the paper's configuration F at 1024x1024.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratorConfig {
    /// `z` (and label) to `w`.
    pub mapping: MappingConfig,
    /// Styles to image.
    pub synthesis: SynthesisConfig,
}

impl GeneratorConfig {
    /// Progressive GAN's generator, which is the paper's configuration A: traditional input, no
    /// mapping, no styles, no noise, no blur, pixel norm.
    pub fn config_a() -> Self {
        let mut config = Self::config_b();
        config.synthesis.blur = false;
        config
    }

    /// Configuration B: the tuned baseline (blur).
    pub fn config_b() -> Self {
        let mut config = Self::config_c();
        config.mapping.layers = 0;
        config.synthesis.use_styles = false;
        config.synthesis.pixel_norm = true;
        config.synthesis.instance_norm = false;
        config
    }

    /// Configuration C: mapping network and styles, with a traditional input.
    pub fn config_c() -> Self {
        let mut config = Self::config_d();
        config.synthesis.const_input = false;
        config
    }

    /// Configuration D: a learned constant input.
    pub fn config_d() -> Self {
        let mut config = Self::config_f();
        config.synthesis.use_noise = false;
        config
    }

    /// Configurations E and F: noise inputs. (F differs from E in training only: mixing.)
    pub fn config_f() -> Self {
        Self::default()
    }

    /// StyleGAN2's configuration E: skip connections, no growing, the number of feature maps of StyleGAN.
    pub fn stylegan2_e() -> Self {
        let mut config = Self::default();
        config.mapping.stylegan2 = true;
        config.synthesis.stylegan2 = Some(Architecture::Skip);
        config.synthesis.structure = Structure::Fixed;
        config
    }

    /// StyleGAN2's configuration F: E with twice the feature maps from 64x64 on.
    pub fn stylegan2_f() -> Self {
        let mut config = Self::stylegan2_e();
        config.synthesis.fmap_base = 16_384;
        config
    }
}
