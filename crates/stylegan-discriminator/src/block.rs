//! The convolutional layers of a discriminator, each with its pullback.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{DownConv2d, Equalized, EqualizedConv2d, LEAKY_SLOPE, Pullback};
use stylegan_ops as ops;

/// A convolution, bias and leaky ReLU. Parameters: `weight`, `bias`.
#[derive(Debug, Clone)]
pub(crate) struct ConvLayer {
    conv: EqualizedConv2d,
    bias: Tensor,
}

impl ConvLayer {
    pub(crate) fn new(
        inputs: usize,
        outputs: usize,
        kernel: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        Ok(Self {
            bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
            conv: EqualizedConv2d::new(inputs, outputs, kernel, Equalized::ACTIVATED, vb)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::bias_act(&self.conv.forward(x)?, &self.bias, 1.0, Some(LEAKY_SLOPE))
    }

    pub(crate) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (_, _, h, w) = x.dims4()?;
        let y = self.forward(x)?;
        let pullback = self.conv.vjp((h, w)).then(activation_vjp(&y));
        Ok((y, pullback))
    }
}

/// The pullback of the leaky ReLU that gave `y`.
fn activation_vjp(y: &Tensor) -> Pullback {
    // The mask is piecewise constant: nothing flows through it.
    let y = y.detach();
    Pullback::new(move |g| ops::leaky_relu_vjp(g, &y, LEAKY_SLOPE))
}

/// The layers of one resolution: `conv0`, then blur and `conv1` with a halving of the size.
#[derive(Debug, Clone)]
pub(crate) struct DownBlock {
    conv0: ConvLayer,
    blur: bool,
    conv1: DownConv2d,
    bias1: Tensor,
}

impl DownBlock {
    pub(crate) fn new(inputs: usize, outputs: usize, blur: bool, vb: VarBuilder) -> Result<Self> {
        let conv1 = vb.pp("conv1");
        Ok(Self {
            conv0: ConvLayer::new(inputs, inputs, 3, vb.pp("conv0"))?,
            blur,
            bias1: conv1.get_with_hints(outputs, "bias", Init::Const(0.0))?,
            conv1: DownConv2d::new(inputs, outputs, conv1)?,
        })
    }

    /// `[N, Ci, H, W]` to `[N, Co, H/2, W/2]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.blurred(self.conv0.forward(x)?)?;
        ops::bias_act(&self.conv1.forward(&x)?, &self.bias1, 1.0, Some(LEAKY_SLOPE))
    }

    /// The output and the pullback to the input.
    pub(crate) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (x, conv0) = self.conv0.forward_with_vjp(x)?;
        let (x, conv1) = self.conv1.forward_with_vjp(&self.blurred(x)?)?;
        let y = ops::bias_act(&x, &self.bias1, 1.0, Some(LEAKY_SLOPE))?;
        // The blur is its own adjoint.
        let blur = self.blur;
        let blur = Pullback::new(move |g| if blur { ops::blur(g) } else { Ok(g.clone()) });
        let pullback = conv0.then(blur).then(conv1).then(activation_vjp(&y));
        Ok((y, pullback))
    }

    fn blurred(&self, x: Tensor) -> Result<Tensor> {
        if self.blur { ops::blur(&x) } else { Ok(x) }
    }
}
