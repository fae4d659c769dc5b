//! The synthesis network of either generation.

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use stylegan_layers::{Precision, Pyramid};

use crate::{Noise, StylesTape, SynthesisConfig, stylegan1, stylegan2};

/// The synthesis network: Karras et al. 2019, section 2, or where [`SynthesisConfig::stylegan2`] is set Karras et al. 2020, section 2
/// (and Karras et al. 2018, section 2, for configuration A).
///
/// Parameters of StyleGAN: `b4.const` or `b4.dense.weight`; `b{R}.conv{0,1}.*` (a weight, and what the epilogue takes; `b4.conv0` has no
/// weight, it is the epilogue of the input); `b{R}.to_rgb.{weight,bias}`.
///
/// Parameters of StyleGAN2: `b4.const` `[1, C, 4, 4]`; `b{R}.conv{0,1}.{weight,bias,noise.strength,noise.const,style.weight,style.bias}`
/// (`b4` has no `conv0`), where `noise.strength` is a scalar and the weight of `conv0` that of a transposed convolution;
/// `b{R}.to_rgb.{weight,bias,style.weight,style.bias}`; `b{R}.skip.weight` of the residual architecture.
#[derive(Debug, Clone)]
pub struct Synthesis(Generation);

#[derive(Debug, Clone)]
enum Generation {
    First(stylegan1::Network),
    Second(stylegan2::Network),
}

impl Synthesis {
    /// Takes its parameters from `vb`.
    pub fn new(config: &SynthesisConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self(match config.stylegan2 {
            None => Generation::First(stylegan1::Network::new(config, vb)?),
            Some(architecture) => {
                Generation::Second(stylegan2::Network::new(config, architecture, vb)?)
            }
        }))
    }

    /// The same network, computing in another precision. Its images and the gradients of its styles are float32 all the same.
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        match &mut self.0 {
            Generation::First(network) => network.set_precision(precision),
            Generation::Second(network) => network.set_precision(precision),
        }
        self
    }

    /// The number of layers that take a style.
    pub fn num_layers(&self) -> usize {
        2 * self.pyramid().blocks()
    }

    /// The resolutions from base to full size.
    pub fn pyramid(&self) -> &Pyramid {
        match &self.0 {
            Generation::First(network) => network.pyramid(),
            Generation::Second(network) => network.pyramid(),
        }
    }

    /// Styles `ws` `[N, layers, w_dim]` to images `[N, channels, H, W]` of full resolution at any
    /// level of detail `lod` (0 = full detail; a fraction fades between neighbouring levels).
    ///
    /// # Errors
    /// Where the styles are of another shape, and of a level above 0 in a network that does not grow.
    pub fn forward(&self, ws: &Tensor, lod: f64, noise: &Noise) -> Result<Tensor> {
        match &self.0 {
            Generation::First(network) => network.forward(ws, lod, noise),
            Generation::Second(network) => network.forward(ws, lod, noise),
        }
    }

    /// As [`Self::forward`], but at the resolution that `floor(lod)` stands for: what the full
    /// image holds before it is enlarged by pixel repetition.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_native(&self, ws: &Tensor, lod: f64, noise: &Noise) -> Result<Tensor> {
        match &self.0 {
            Generation::First(network) => network.forward_native(ws, lod, noise),
            Generation::Second(network) => network.forward(ws, lod, noise),
        }
    }

    /// The images of styles, and the way back to the styles, made of tracked operations: a loss that contains the gradient of the image
    /// with respect to the styles (path length) is exact in the second order. StyleGAN2 only.
    ///
    /// # Errors
    /// As [`Self::forward`], and for a network of StyleGAN.
    pub fn forward_with_vjp(&self, ws: &Tensor, noise: &Noise) -> Result<(Tensor, StylesTape)> {
        match &self.0 {
            Generation::First(_) => {
                bail!("synthesis: only StyleGAN2's network has a gradient with respect to styles")
            }
            Generation::Second(network) => network.forward_with_vjp(ws, noise),
        }
    }
}
