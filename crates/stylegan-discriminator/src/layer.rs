//! What the discriminators of all generations are built of.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{Activation, Clamp, Equalized, EqualizedConv2d, Pullback};

/// A convolution, bias and leaky ReLU, with its pullback. Parameters: `weight`, `bias`.
#[derive(Debug, Clone)]
pub(crate) struct ConvLayer {
    conv: EqualizedConv2d,
    activation: Activation,
}

impl ConvLayer {
    /// A layer whose bias is multiplied with the activation's `gain`: 1, or `sqrt(2)` in StyleGAN2.
    pub(crate) fn new(
        (inputs, outputs): (usize, usize),
        kernel: usize,
        gain: f64,
        vb: VarBuilder,
    ) -> Result<Self> {
        Ok(Self {
            activation: Activation::new(outputs, gain, vb.clone())?,
            conv: EqualizedConv2d::new(inputs, outputs, kernel, Equalized::ACTIVATED, vb)?,
        })
    }

    pub(crate) fn set_clamp(&mut self, clamp: Clamp) {
        self.activation.set_clamp(clamp);
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.conv.forward_activated(x, &self.activation)
    }

    pub(crate) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        self.conv.forward_activated_with_vjp(x, &self.activation)
    }
}
