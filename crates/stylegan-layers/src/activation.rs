//! Bias and leaky ReLU after a convolution.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_ops as ops;

use crate::{Clamp, LEAKY_SLOPE, Pullback};

/// Bias and leaky ReLU, computed with the convolution before them as one operation. Parameter: `bias` `[out]`, which starts at 0.
#[derive(Debug, Clone)]
pub struct Activation {
    bias: Tensor,
    gain: f64,
    clamp: Clamp,
}

/// A convolution as an operation takes it.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    pub(crate) kernel: Tensor,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) scale: f64,
}

impl Activation {
    /// For `outputs` channels. The bias is multiplied with `gain`, as the weight before it is: a leaky ReLU is homogeneous.
    pub fn new(outputs: usize, gain: f64, vb: VarBuilder) -> Result<Self> {
        let bias = vb.get_with_hints(outputs, "bias", Init::Const(0.0))?;
        Ok(Self { bias, gain, clamp: Clamp::NONE })
    }

    /// Limits what comes out from now on.
    pub fn set_clamp(&mut self, clamp: Clamp) {
        self.clamp = clamp;
    }

    /// The pullback of the leaky ReLU and the limit that gave `y`.
    fn vjp(&self, y: &Tensor) -> Pullback {
        // The masks are piecewise constant: nothing flows through them.
        let (y, clamp) = (y.detach(), self.clamp);
        Pullback::new(move |g| ops::leaky_relu_vjp(&clamp.vjp(g, &y)?, &y, LEAKY_SLOPE))
    }
}

impl Convolution {
    /// The convolution, and what comes after it.
    pub(crate) fn forward(&self, x: &Tensor, after: Option<&Activation>) -> Result<Tensor> {
        let Self { kernel, stride, padding, scale } = self;
        match after {
            None => ops::conv2d(x, kernel, *stride, *padding, *scale),
            Some(Activation { bias, gain, clamp }) => {
                let (shape, slope) = ((*stride, *padding), Some(LEAKY_SLOPE));
                let y = ops::conv2d_bias_act(x, kernel, shape, *scale, bias, *gain, slope)?;
                clamp.forward(&y)
            }
        }
    }

    /// As [`Self::forward`], with the pullback to the input.
    pub(crate) fn forward_with_vjp(
        self,
        x: &Tensor,
        after: Option<&Activation>,
    ) -> Result<(Tensor, Pullback)> {
        let (_, _, h, w) = x.dims4()?;
        let y = self.forward(x, after)?;
        let pullback = self.vjp((h, w));
        let pullback = match after {
            Some(activation) => pullback.then(activation.vjp(&y)),
            None => pullback,
        };
        Ok((y, pullback))
    }

    /// The convolution's pullback to an input of height and width `input_hw`.
    pub(crate) fn vjp(self, input_hw: (usize, usize)) -> Pullback {
        let Self { kernel, stride, padding, scale } = self;
        Pullback::new(move |g| ops::conv2d_input_vjp(g, &kernel, input_hw, stride, padding, scale))
    }
}
