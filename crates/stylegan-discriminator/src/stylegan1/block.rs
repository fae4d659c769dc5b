//! The convolutional layers of a discriminator, each with its pullback.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{DownConv2d, Equalized, EqualizedConv2d, LEAKY_SLOPE, Pullback};
use stylegan_ops as ops;

use crate::{DiscriminatorConfig, Downscale};

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
    conv1: Conv1,
}

/// The second convolution, which halves the size.
#[derive(Debug, Clone)]
enum Conv1 {
    /// Halves in the convolution, before bias and activation.
    Halving { conv: DownConv2d, bias: Tensor },
    /// Halves the activated map.
    ThenHalving(ConvLayer),
}

impl DownBlock {
    pub(crate) fn new(
        inputs: usize,
        outputs: usize,
        config: &DiscriminatorConfig,
        vb: VarBuilder,
    ) -> Result<Self> {
        let conv0 = ConvLayer::new(inputs, inputs, 3, vb.pp("conv0"))?;
        let vb = vb.pp("conv1");
        let conv1 = match config.downscale {
            Downscale::InConvolution => Conv1::Halving {
                bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
                conv: DownConv2d::new(inputs, outputs, vb)?,
            },
            Downscale::AfterActivation => {
                Conv1::ThenHalving(ConvLayer::new(inputs, outputs, 3, vb)?)
            }
        };
        Ok(Self { conv0, blur: config.blur, conv1 })
    }

    /// `[N, Ci, H, W]` to `[N, Co, H/2, W/2]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.blurred(self.conv0.forward(x)?)?;
        match &self.conv1 {
            Conv1::Halving { conv, bias } => {
                ops::bias_act(&conv.forward(&x)?, bias, 1.0, Some(LEAKY_SLOPE))
            }
            Conv1::ThenHalving(layer) => ops::downsample_box2d(&layer.forward(&x)?),
        }
    }

    /// The output and the pullback to the input.
    pub(crate) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (x, conv0) = self.conv0.forward_with_vjp(x)?;
        let x = self.blurred(x)?;
        let (y, conv1) = match &self.conv1 {
            Conv1::Halving { conv, bias } => {
                let (x, conv) = conv.forward_with_vjp(&x)?;
                let y = ops::bias_act(&x, bias, 1.0, Some(LEAKY_SLOPE))?;
                let activation = activation_vjp(&y);
                (y, conv.then(activation))
            }
            Conv1::ThenHalving(layer) => {
                let (x, conv) = layer.forward_with_vjp(&x)?;
                (ops::downsample_box2d(&x)?, conv.then(halving_vjp()))
            }
        };
        // The blur is its own adjoint.
        let blur = self.blur;
        let blur = Pullback::new(move |g| if blur { ops::blur(g) } else { Ok(g.clone()) });
        Ok((y, conv0.then(blur).then(conv1)))
    }

    fn blurred(&self, x: Tensor) -> Result<Tensor> {
        if self.blur { ops::blur(&x) } else { Ok(x) }
    }
}

/// The pullback of a 2x2 mean: each pixel gets a quarter.
pub(crate) fn halving_vjp() -> Pullback {
    Pullback::new(|g| ops::upsample_nearest2d(g)?.affine(0.25, 0.0))
}
