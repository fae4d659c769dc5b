//! The layers that these networks share.

use candle_core::{Result, Tensor};
use stylegan_ops::{bias_act, conv2d, linear};

use crate::weights::Shapes;
use crate::{FeatureError, Weights};

/// A convolution with bias.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    padding: usize,
}

impl Conv {
    /// Takes `{name}.weight` `[outputs, inputs, kernel, kernel]` and `{name}.bias`.
    pub(crate) fn new(
        weights: &Weights,
        network: &'static str,
        name: &str,
        [outputs, inputs, kernel]: [usize; 3],
        (stride, padding): (usize, usize),
    ) -> std::result::Result<Self, FeatureError> {
        let shape = [outputs, inputs, kernel, kernel];
        let weight = weights.get(network, &format!("{name}.weight"), &shape)?;
        let bias = weights.get(network, &format!("{name}.bias"), &[outputs])?;
        Ok(Self { weight, bias, stride, padding })
    }

    /// The convolution, its bias, and a ReLU.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = conv2d(x, &self.weight, self.stride, self.padding, 1.0)?;
        bias_act(&y, &self.bias, 1.0, Some(0.0))
    }
}

/// A dense layer with bias.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    weight: Tensor,
    bias: Tensor,
}

impl Dense {
    /// Takes `{name}.weight` `[outputs, inputs]` and `{name}.bias`.
    pub(crate) fn new(
        weights: &Weights,
        network: &'static str,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> std::result::Result<Self, FeatureError> {
        let weight = weights.get(network, &format!("{name}.weight"), &[outputs, inputs])?;
        let bias = weights.get(network, &format!("{name}.bias"), &[outputs])?;
        Ok(Self { weight, bias })
    }

    /// The product and its bias, and a ReLU if `relu`.
    pub(crate) fn forward(&self, x: &Tensor, relu: bool) -> Result<Tensor> {
        let y = linear(x, &self.weight, 1.0)?;
        bias_act(&y, &self.bias, 1.0, relu.then_some(0.0))
    }
}

/// Adds the shapes of a weight and a bias for its first axis.
pub(crate) fn add(shapes: &mut Shapes, name: &str, shape: &[usize]) {
    shapes.insert(format!("{name}.weight"), shape.to_vec());
    shapes.insert(format!("{name}.bias"), shape[..1].to_vec());
}
