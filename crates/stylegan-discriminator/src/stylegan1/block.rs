//! The halving blocks of the discriminator, each with its pullback.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{Activation, Clamp, DownConv2d, Pullback};
use stylegan_ops as ops;

use crate::layer::ConvLayer;
use crate::{DiscriminatorConfig, Downscale};

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
    Halving { conv: DownConv2d, activation: Activation },
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
        let conv0 = ConvLayer::new((inputs, inputs), 3, 1.0, vb.pp("conv0"))?;
        let vb = vb.pp("conv1");
        let conv1 = match config.downscale {
            Downscale::InConvolution => Conv1::Halving {
                activation: Activation::new(outputs, 1.0, vb.clone())?,
                conv: DownConv2d::new(inputs, outputs, vb)?,
            },
            Downscale::AfterActivation => {
                Conv1::ThenHalving(ConvLayer::new((inputs, outputs), 3, 1.0, vb)?)
            }
        };
        Ok(Self { conv0, blur: config.blur, conv1 })
    }

    pub(crate) fn set_clamp(&mut self, clamp: Clamp) {
        self.conv0.set_clamp(clamp);
        match &mut self.conv1 {
            Conv1::Halving { activation, .. } => activation.set_clamp(clamp),
            Conv1::ThenHalving(layer) => layer.set_clamp(clamp),
        }
    }

    /// `[N, Ci, H, W]` to `[N, Co, H/2, W/2]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.blurred(self.conv0.forward(x)?)?;
        match &self.conv1 {
            Conv1::Halving { conv, activation } => conv.forward(&x, Some(activation)),
            Conv1::ThenHalving(layer) => ops::downsample_box2d(&layer.forward(&x)?),
        }
    }

    /// The output and the pullback to the input.
    pub(crate) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (x, conv0) = self.conv0.forward_with_vjp(x)?;
        let x = self.blurred(x)?;
        let (y, conv1) = match &self.conv1 {
            Conv1::Halving { conv, activation } => conv.forward_with_vjp(&x, Some(activation))?,
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
