//! `z` to `w`.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Equalized, EqualizedLinear, LEAKY_SLOPE, NORM_EPSILON};
use stylegan_ops as ops;

use crate::MappingConfig;

/// The mapping network (Karras et al. 2019, section 2): pixel norm of the latent (with the
/// label's embedding appended before the normalisation), then dense layers with leaky ReLU at a
/// reduced learning rate.
///
/// Parameters: `dense{i}.weight`, `dense{i}.bias`, and `label.weight` `[label_dim, z_dim]` if
/// conditional.
#[derive(Debug, Clone)]
pub struct MappingNetwork {
    label: Option<Tensor>,
    layers: Vec<EqualizedLinear>,
    normalize: bool,
    z_dim: usize,
}

impl MappingNetwork {
    /// Takes its parameters from `vb`.
    pub fn new(config: &MappingConfig, vb: VarBuilder) -> Result<Self> {
        config.validate().map_err(candle_core::Error::wrap)?;
        let label = match config.label_dim {
            0 => None,
            dim => {
                let init = Init::Randn { mean: 0.0, stdev: 1.0 };
                Some(vb.pp("label").get_with_hints((dim, config.z_dim), "weight", init)?)
            }
        };
        let equalized = Equalized { lr_multiplier: config.lr_multiplier, ..Equalized::ACTIVATED };
        let mut layers = Vec::with_capacity(config.layers);
        let mut inputs = config.input_dim();
        for i in 0..config.layers {
            let last = i + 1 == config.layers;
            let outputs = if last { config.w_dim } else { config.hidden_dim };
            let vb = vb.pp(format!("dense{i}"));
            layers.push(EqualizedLinear::new(inputs, outputs, equalized, Some(LEAKY_SLOPE), vb)?);
            inputs = outputs;
        }
        Ok(Self { label, layers, normalize: config.normalize_latents, z_dim: config.z_dim })
    }

    /// `z` `[N, z_dim]` and labels `[N, label_dim]` to `w` `[N, w_dim]`.
    ///
    /// # Errors
    /// If a conditional network gets no labels, or an unconditional one gets some.
    pub fn forward(&self, z: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        let (_, z_dim) = z.dims2()?;
        if z_dim != self.z_dim {
            bail!("mapping: latents have {z_dim} components, expected {}", self.z_dim);
        }
        let mut x = match (&self.label, labels) {
            (None, None) => z.clone(),
            (Some(weight), Some(labels)) => Tensor::cat(&[z, &labels.matmul(weight)?], 1)?,
            (Some(_), None) => bail!("mapping: a conditional network needs labels"),
            (None, Some(_)) => bail!("mapping: this network is unconditional and takes no labels"),
        };
        if self.normalize {
            x = ops::pixel_norm(&x, NORM_EPSILON)?;
        }
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
}
