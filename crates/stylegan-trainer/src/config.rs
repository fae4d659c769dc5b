//! The configuration of a training run.
//!
//! A configuration is made of layers: a [preset](TrainConfig::preset), a TOML file over it, and single keys over that
//! (`--set loss.r1_gamma=2`). The result is complete; it is what a run directory's `config.toml` holds.
//!
//! ```
//! use stylegan_trainer::config::TrainConfig;
//!
//! let mut config = TrainConfig::preset("faces-32")?;
//! config.apply_toml("[loss]\nr1_gamma = 2.0")?;
//! config.set("schedule.minibatch=32")?;
//! assert_eq!((config.loss.r1_gamma, config.schedule.minibatch), (2.0, 32));
//!
//! let error = config.set("loss.r1_gama=2").unwrap_err();
//! assert_eq!(error.to_string(), "unknown key `loss.r1_gama`; did you mean `loss.r1_gamma`?");
//! # Ok::<(), stylegan_trainer::config::ConfigError>(())
//! ```

use serde::{Deserialize, Serialize};

mod augment;
mod error;
mod layers;
mod networks;
mod precision;
mod presets;
mod sections;
mod sizing;
mod validate;

pub use augment::{AugmentMode, AugmentSection};
pub use error::ConfigError;
pub(crate) use networks::in_parts;
pub(crate) use precision::MOST_LOSS_SCALE;
pub use precision::PrecisionSection;
pub use presets::{Architecture, PRESETS};
pub use sections::{
    AverageSection, DataSection, DiscriminatorLossKind, DiscriminatorSection, GeneratorSection,
    LossSection, NetworkGeneration, NetworkSection, OptimizerSection, RunSection, ScheduleSection,
    TrainingNoise,
};
pub use sizing::{Budget, ImageSet, Sizing};

/// The configuration of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The run as a whole.
    pub run: RunSection,
    /// The images.
    pub data: DataSection,
    /// What both networks share.
    pub network: NetworkSection,
    /// The generator.
    pub generator: GeneratorSection,
    /// The discriminator.
    pub discriminator: DiscriminatorSection,
    /// The losses.
    pub loss: LossSection,
    /// Changes to what the discriminator sees.
    pub augment: AugmentSection,
    /// What changes with the images seen.
    pub schedule: ScheduleSection,
    /// Adam.
    pub optimizer: OptimizerSection,
    /// The moving average of the generator.
    pub average: AverageSection,
    /// What the networks compute in.
    #[serde(default)]
    pub precision: PrecisionSection,
}

impl TrainConfig {
    /// Reads a complete or partial configuration over the preset that it names with a key `preset` (the default one
    /// otherwise).
    ///
    /// # Errors
    /// As [`Self::apply_toml`], and an unknown preset.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut config = match layers::named_preset(text)? {
            Some(name) => Self::preset(&name)?,
            None => Self::default(),
        };
        config.apply_toml(text)?;
        Ok(config)
    }

    /// The complete configuration as TOML, section by section; [`Self::from_toml`] reads it back as it was.
    ///
    /// # Errors
    /// A number that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Syntax { message: error.to_string() })
    }
}

impl Default for TrainConfig {
    /// The preset `faces-32-sg2`.
    fn default() -> Self {
        presets::faces_32_sg2()
    }
}

#[cfg(test)]
mod tests;
