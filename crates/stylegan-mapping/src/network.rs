//! `z` to `w`.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Bias, Equalized, EqualizedLinear, LEAKY_SLOPE, NORM_EPSILON};
use stylegan_ops as ops;

use crate::MappingConfig;

/// The mapping network (Karras et al. 2019, section 2): pixel norm of the latent (with the
/// label's embedding appended before the normalisation), then dense layers with leaky ReLU at a
/// reduced learning rate.
///
/// StyleGAN2's normalises the latent and the label's embedding apart (Karras et al. 2020's official implementation).
///
/// Parameters: `dense{i}.weight`, `dense{i}.bias`, and if conditional `label.weight` `[label_dim, z_dim]`, in StyleGAN2
/// `label.weight` `[w_dim, label_dim]` and `label.bias` `[w_dim]`.
#[derive(Debug, Clone)]
pub struct MappingNetwork {
    label: Option<Label>,
    layers: Vec<EqualizedLinear>,
    normalize: bool,
    z_dim: usize,
}

/// The embedding of labels.
#[derive(Debug, Clone)]
enum Label {
    /// A matrix; normalised together with the latent.
    Joint(Tensor),
    /// A dense layer; normalised by itself.
    Apart(EqualizedLinear),
}

impl MappingNetwork {
    /// Takes its parameters from `vb`.
    pub fn new(config: &MappingConfig, vb: VarBuilder) -> Result<Self> {
        config.validate().map_err(candle_core::Error::wrap)?;
        let label = match config.label_dim {
            0 => None,
            dim if config.stylegan2 => {
                let vb = vb.pp("label");
                let layer = EqualizedLinear::new(dim, config.w_dim, Equalized::PLAIN, None, vb)?;
                Some(Label::Apart(layer))
            }
            dim => {
                let init = Init::Randn { mean: 0.0, stdev: 1.0 };
                let vb = vb.pp("label");
                Some(Label::Joint(vb.get_with_hints((dim, config.z_dim), "weight", init)?))
            }
        };
        let equalized = Equalized { lr_multiplier: config.lr_multiplier, ..Equalized::ACTIVATED };
        let gain = if config.stylegan2 { equalized.gain } else { 1.0 };
        let bias = Bias { gain, ..Bias::default() };
        let mut layers = Vec::with_capacity(config.layers);
        let mut inputs = config.input_dim();
        for i in 0..config.layers {
            let last = i + 1 == config.layers;
            let outputs = if last { config.w_dim } else { config.hidden_dim };
            let vb = vb.pp(format!("dense{i}"));
            let slope = Some(LEAKY_SLOPE);
            layers.push(EqualizedLinear::with_bias(inputs, outputs, equalized, slope, bias, vb)?);
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
            (None, None) => self.normalized(z)?,
            (Some(Label::Joint(weight)), Some(labels)) => {
                self.normalized(&Tensor::cat(&[z, &labels.matmul(weight)?], 1)?)?
            }
            (Some(Label::Apart(layer)), Some(labels)) => {
                let embedding = ops::pixel_norm(&layer.forward(labels)?, NORM_EPSILON)?;
                Tensor::cat(&[&self.normalized(z)?, &embedding], 1)?
            }
            (Some(_), None) => bail!("mapping: a conditional network needs labels"),
            (None, Some(_)) => bail!("mapping: this network is unconditional and takes no labels"),
        };
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
    fn normalized(&self, x: &Tensor) -> Result<Tensor> {
        if self.normalize { ops::pixel_norm(x, NORM_EPSILON) } else { Ok(x.clone()) }
    }
}
