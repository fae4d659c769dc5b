//! The projection on labels (Miyato and Koyama 2018, as StyleGAN2-ADA's official implementation has it).

use std::f64::consts::SQRT_2;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{Bias, Equalized, EqualizedLinear, LEAKY_SLOPE, NORM_EPSILON};
use stylegan_ops as ops;

/// Dense layers after the embedding, and the multiplier of their learning rate: those of the mapping network.
const LAYERS: usize = 8;
const LR_MULTIPLIER: f64 = 0.01;

/// Maps a label to a direction, on which the outputs of the last layer are projected. Parameters: `label.*`, `dense{i}.*`.
#[derive(Debug, Clone)]
pub(super) struct LabelMapping {
    embedding: EqualizedLinear,
    layers: Vec<EqualizedLinear>,
    dim: usize,
}

impl LabelMapping {
    /// From `label_dim` components to `dim`.
    pub(super) fn new(label_dim: usize, dim: usize, vb: VarBuilder) -> Result<Self> {
        let equalized = Equalized { lr_multiplier: LR_MULTIPLIER, ..Equalized::ACTIVATED };
        let bias = Bias { gain: SQRT_2, ..Bias::default() };
        let layers = (0..LAYERS)
            .map(|i| {
                let vb = vb.pp(format!("dense{i}"));
                EqualizedLinear::with_bias(dim, dim, equalized, Some(LEAKY_SLOPE), bias, vb)
            })
            .collect::<Result<_>>()?;
        let vb = vb.pp("label");
        let embedding = EqualizedLinear::new(label_dim, dim, Equalized::PLAIN, None, vb)?;
        Ok(Self { embedding, layers, dim })
    }

    /// Labels `[N, label_dim]` to directions `[N, dim]`, over the root of `dim`.
    pub(super) fn forward(&self, labels: &Tensor) -> Result<Tensor> {
        let mut x = ops::pixel_norm(&self.embedding.forward(labels)?, NORM_EPSILON)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        x.affine(1.0 / (self.dim as f64).sqrt(), 0.0)
    }
}
