//! Plain layers, without an equalized learning rate: the identity network and its relatives come from elsewhere.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_ops as ops;

use crate::norm::Mode;

/// The usual first values of a weight or a bias: uniform within one over the root of the fan-in.
fn uniform(fan_in: usize) -> Init {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}

/// A convolution with "same" padding before its stride. Parameters: `weight` `[out, in, K, K]` and, with a bias, `bias` `[out]`.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
}

/// Inputs, outputs, kernel, stride.
pub(crate) type Sizes = (usize, usize, usize, usize);

impl Conv {
    pub(crate) fn new(sizes: Sizes, vb: VarBuilder) -> Result<Self> {
        let (inputs, outputs, kernel, stride) = sizes;
        let init = uniform(inputs * kernel * kernel);
        let weight = vb.get_with_hints((outputs, inputs, kernel, kernel), "weight", init)?;
        Ok(Self { weight, bias: None, stride })
    }

    pub(crate) fn with_bias(sizes: Sizes, vb: VarBuilder) -> Result<Self> {
        let (inputs, outputs, kernel, _) = sizes;
        let bias = vb.get_with_hints(outputs, "bias", uniform(inputs * kernel * kernel))?;
        Ok(Self { bias: Some(bias), ..Self::new(sizes, vb)? })
    }

    /// `[N, in, H, W]` to `[N, out, H / stride, W / stride]`, rounded up. Evaluation is exact, training fast: the rounding of some fifty layers adds
    /// up.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        self.activated(x, None, mode)
    }

    /// As [`Self::forward`], through a leaky ReLU of that slope.
    pub(crate) fn activated(&self, x: &Tensor, slope: Option<f64>, mode: Mode) -> Result<Tensor> {
        let padding = self.weight.dim(3)? / 2;
        let conv2d = match mode {
            Mode::Evaluation => ops::conv2d_direct,
            Mode::Training(_) => ops::conv2d,
        };
        let y = conv2d(x, &self.weight, self.stride, padding, 1.0)?;
        match (&self.bias, slope) {
            (Some(bias), slope) => ops::bias_act(&y, bias, 1.0, slope),
            (None, Some(slope)) => ops::leaky_relu(&y, slope),
            (None, None) => Ok(y),
        }
    }
}

/// A dense layer. Parameters: `weight` `[out, in]`, `bias` `[out]`.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    weight: Tensor,
    bias: Tensor,
}

impl Dense {
    pub(crate) fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        let init = uniform(inputs);
        Ok(Self {
            weight: vb.get_with_hints((outputs, inputs), "weight", init)?,
            bias: vb.get_with_hints(outputs, "bias", init)?,
        })
    }

    /// `[N, in]` to `[N, out]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::bias_act(&ops::linear(x, &self.weight, 1.0)?, &self.bias, 1.0, None)
    }
}

/// A leaky ReLU with learned slopes. Parameter: `weight` `[C]`.
#[derive(Debug, Clone)]
pub(crate) struct Prelu(Tensor);

impl Prelu {
    pub(crate) fn new(channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self(vb.get_with_hints(channels, "weight", Init::Const(0.25))?))
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::prelu(x, &self.0)
    }
}
