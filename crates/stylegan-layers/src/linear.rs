//! Dense layers with equalized learning rate.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_ops as ops;

use crate::{Equalized, Pullback};

/// A dense layer's bias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bias {
    /// Its first value (0; 1 for StyleGAN2's styles).
    pub initial: f64,
    /// A factor on it at run time (1). StyleGAN2 multiplies what comes out of its leaky ReLUs by `sqrt(2)`, and not the
    /// weights; that is the same as multiplying weights and bias.
    pub gain: f64,
}

impl Default for Bias {
    fn default() -> Self {
        Self { initial: 0.0, gain: 1.0 }
    }
}

/// `y = act(x W^T * scale + b * lr_multiplier)` with the stored weight `W` `[out, in]` and bias
/// `b` `[out]` (Karras et al. 2018, section 4.1).
///
/// Parameters: `weight`, `bias`.
#[derive(Debug, Clone)]
pub struct EqualizedLinear {
    weight: Tensor,
    bias: Tensor,
    scale: f64,
    bias_scale: f64,
    slope: Option<f64>,
}

impl EqualizedLinear {
    /// A layer from `inputs` to `outputs` features; `slope` is that of the leaky ReLU, `None` for
    /// none.
    pub fn new(
        inputs: usize,
        outputs: usize,
        equalized: Equalized,
        slope: Option<f64>,
        vb: VarBuilder,
    ) -> Result<Self> {
        Self::with_bias(inputs, outputs, equalized, slope, Bias::default(), vb)
    }

    /// As [`Self::new`], with another bias.
    pub fn with_bias(
        inputs: usize,
        outputs: usize,
        equalized: Equalized,
        slope: Option<f64>,
        bias: Bias,
        vb: VarBuilder,
    ) -> Result<Self> {
        Ok(Self {
            weight: vb.get_with_hints((outputs, inputs), "weight", equalized.init())?,
            bias: vb.get_with_hints(outputs, "bias", Init::Const(bias.initial))?,
            scale: equalized.scale(inputs),
            bias_scale: bias.gain * equalized.lr_multiplier,
            slope,
        })
    }

    /// `[N, in]` to `[N, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = ops::linear(x, &self.weight, self.scale)?;
        ops::bias_act(&y, &self.bias, self.bias_scale, self.slope)
    }

    /// The output and the pullback to the input.
    pub fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let y = self.forward(x)?;
        let (weight, scale, slope, out) = (self.weight.clone(), self.scale, self.slope, y.detach());
        let pullback = Pullback::new(move |g| {
            let g = match slope {
                Some(slope) => ops::leaky_relu_vjp(g, &out, slope)?,
                None => g.clone(),
            };
            ops::linear_input_vjp(&g, &weight, scale)
        });
        Ok((y, pullback))
    }
}
