//! The discriminator of either generation.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{Precision, Pullback, Pyramid};

use crate::{DiscriminatorConfig, stylegan1, stylegan2};

/// The discriminator of Progressive GAN and StyleGAN, or where [`DiscriminatorConfig::stylegan2`] is set of StyleGAN2.
///
/// Parameters: `b{R}.from_rgb.{weight,bias}`, `b{R}.conv{0,1}.{weight,bias}` from the full resolution down to 8, `b4.conv.*`,
/// `b4.dense0.*`, `b4.dense1.*`. StyleGAN2 has `b{R}.skip.weight` beside them in the residual architecture, and with labels
/// `mapping.label.*` and `mapping.dense{i}.*`. [`LabelHead::Projection`](crate::LabelHead::Projection) has `projection.{weight,bias}`.
#[derive(Debug, Clone)]
pub struct Discriminator(Generation);

#[derive(Debug, Clone)]
enum Generation {
    First(stylegan1::Network),
    Second(stylegan2::Network),
}

/// What a discriminator says about a batch.
#[derive(Debug, Clone)]
pub struct Scores {
    /// The scores `[N]`; higher is more real.
    pub score: Tensor,
    /// The predicted class `[N, label_dim]` of an AC-GAN head.
    pub label_logits: Option<Tensor>,
}

/// The way back from scores to images.
pub struct Tape {
    pub(crate) pullback: Pullback,
    /// Outputs of the last layer.
    pub(crate) outputs: usize,
    /// What the outputs are multiplied with before they are summed.
    pub(crate) labels: Option<Tensor>,
    pub(crate) precision: Precision,
}

impl Tape {
    /// The gradient of `sum(cotangent * score)` with respect to the images, for a cotangent `[N]`;
    /// a tracked tensor of the images' shape. For a sum of scores, the cotangent is all ones.
    pub fn input_gradient(&self, cotangent: &Tensor) -> Result<Tensor> {
        let column = cotangent.unsqueeze(1)?;
        let gradient = match &self.labels {
            Some(labels) => column.broadcast_mul(labels)?,
            None if self.outputs == 1 => column,
            // An AC-GAN head: the class predictions do not count.
            None => {
                let n = cotangent.dim(0)?;
                let rest = (n, self.outputs - 1);
                let rest = Tensor::zeros(rest, cotangent.dtype(), cotangent.device())?;
                Tensor::cat(&[column, rest], 1)?
            }
        };
        self.precision.scaled_vjp(&gradient, |gradient| self.pullback.apply(gradient))
    }
}

impl Discriminator {
    /// Takes its parameters from `vb`.
    pub fn new(config: &DiscriminatorConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self(match config.stylegan2 {
            None => Generation::First(stylegan1::Network::new(config, vb)?),
            Some(architecture) => {
                Generation::Second(stylegan2::Network::new(config, architecture, vb)?)
            }
        }))
    }

    /// The same network, computing in another precision. Scores and the gradients of images are float32 all the same.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        match &mut self.0 {
            Generation::First(network) => network.set_precision(precision),
            Generation::Second(network) => network.set_precision(precision),
        }
        self
    }

    /// The resolutions from base to full size.
    pub fn pyramid(&self) -> &Pyramid {
        match &self.0 {
            Generation::First(network) => network.pyramid(),
            Generation::Second(network) => network.pyramid(),
        }
    }

    /// Images `[N, channels, H, W]` of full resolution to scores, at a level of detail (0 for a network that does not grow).
    pub fn forward(&self, x: &Tensor, lod: f64, labels: Option<&Tensor>) -> Result<Scores> {
        match &self.0 {
            Generation::First(network) => network.forward(x, lod, labels),
            Generation::Second(network) => network.forward(x, lod, labels),
        }
    }

    /// As [`Self::forward`], with a tape whose input gradient has the full images' shape.
    pub fn forward_with_vjp(
        &self,
        x: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Tape)> {
        match &self.0 {
            Generation::First(network) => network.forward_with_vjp(x, lod, labels),
            Generation::Second(network) => network.forward_with_vjp(x, lod, labels),
        }
    }

    /// As [`Self::forward`], for images that already are of the resolution that `floor(lod)`
    /// stands for.
    pub fn forward_native(
        &self,
        image: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<Scores> {
        match &self.0 {
            Generation::First(network) => network.forward_native(image, lod, labels),
            Generation::Second(network) => network.forward(image, lod, labels),
        }
    }

    /// As [`Self::forward_native`], with a tape.
    pub fn forward_native_with_vjp(
        &self,
        image: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Tape)> {
        match &self.0 {
            Generation::First(network) => network.forward_native_with_vjp(image, lod, labels),
            Generation::Second(network) => network.forward_with_vjp(image, lod, labels),
        }
    }
}
