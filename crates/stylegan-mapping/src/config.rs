//! The shape of a mapping network.

use serde::{Deserialize, Serialize};

/// A mapping network's configuration; `Default` is the paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingConfig {
    /// Components of the latent `z` (512).
    pub z_dim: usize,
    /// Components of the intermediate latent `w` (512).
    pub w_dim: usize,
    /// Features of the hidden layers (512).
    pub hidden_dim: usize,
    /// Dense layers (8). With none, `w` is the normalised input itself, as in a traditional
    /// generator.
    pub layers: usize,
    /// Learning-rate multiplier of all layers (0.01).
    pub lr_multiplier: f64,
    /// Components of the label, 0 for an unconditional network.
    pub label_dim: usize,
    /// Pixel norm on the input, after the label's embedding is appended (true).
    pub normalize_latents: bool,
    /// StyleGAN2's network instead of StyleGAN's (false): the label's embedding has a bias, is as wide as `w` and is normalised
    /// by itself, and biases have the activations' gain.
    #[serde(skip_serializing_if = "is_false")]
    pub stylegan2: bool,
}

/// Configurations of StyleGAN are written without the key.
fn is_false(value: &bool) -> bool {
    !value
}

impl Default for MappingConfig {
    fn default() -> Self {
        Self {
            z_dim: 512,
            w_dim: 512,
            hidden_dim: 512,
            layers: 8,
            lr_multiplier: 0.01,
            label_dim: 0,
            normalize_latents: true,
            stylegan2: false,
        }
    }
}

/// What can be wrong with a [`MappingConfig`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MappingConfigError {
    /// A dimension is zero.
    #[error("{key} of the mapping network must be at least 1")]
    Zero {
        /// The field's name.
        key: &'static str,
    },
    /// The learning-rate multiplier is not a positive number.
    #[error("lr_multiplier of the mapping network must be positive, not {0}")]
    Multiplier(f64),
    /// Without layers, the output is as wide as the input.
    #[error("a mapping network without layers gives w of {input} components, not {w_dim}")]
    Width {
        /// The width of the normalised input.
        input: usize,
        /// The configured width of `w`.
        w_dim: usize,
    },
}

impl MappingConfig {
    /// The width of the first layer's input: the latent, and the label's embedding beside it.
    pub fn input_dim(&self) -> usize {
        match (self.label_dim, self.stylegan2) {
            (0, _) => self.z_dim,
            (_, false) => 2 * self.z_dim,
            (_, true) => self.z_dim + self.w_dim,
        }
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), MappingConfigError> {
        let dims = [("z_dim", self.z_dim), ("w_dim", self.w_dim), ("hidden_dim", self.hidden_dim)];
        if let Some((key, _)) = dims.into_iter().find(|(_, dim)| *dim == 0) {
            return Err(MappingConfigError::Zero { key });
        }
        if self.lr_multiplier.is_nan() || self.lr_multiplier <= 0.0 {
            return Err(MappingConfigError::Multiplier(self.lr_multiplier));
        }
        if self.layers == 0 && self.input_dim() != self.w_dim {
            let (input, w_dim) = (self.input_dim(), self.w_dim);
            return Err(MappingConfigError::Width { input, w_dim });
        }
        Ok(())
    }
}
