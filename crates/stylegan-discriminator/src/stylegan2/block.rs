//! The convolutional layers of StyleGAN2's discriminator, each with its pullback.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Equalized, EqualizedConv2d, FilteredDownConv2d, LEAKY_SLOPE, Pullback};
use stylegan_ops as ops;

/// A convolution, bias, leaky ReLU and the gain `sqrt(2)`, which multiplies weight and bias instead. Parameters: `weight`, `bias`.
#[derive(Debug, Clone)]
pub(super) struct ConvLayer {
    conv: EqualizedConv2d,
    bias: Tensor,
}

impl ConvLayer {
    pub(super) fn new(
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

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::bias_act(&self.conv.forward(x)?, &self.bias, SQRT_2, Some(LEAKY_SLOPE))
    }

    pub(super) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
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

/// The layers of one resolution: `conv0`, `conv1` with a halving of the size, and the shortcut `skip` of the residual architecture.
#[derive(Debug, Clone)]
pub(super) struct DownBlock {
    conv0: ConvLayer,
    conv1: FilteredDownConv2d,
    bias: Tensor,
    /// The activation's gain, and that of the sum of two.
    gain: f64,
    skip: Option<FilteredDownConv2d>,
}

impl DownBlock {
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        residual: bool,
        vb: VarBuilder,
    ) -> Result<Self> {
        let half = if residual { FRAC_1_SQRT_2 } else { 1.0 };
        let skip = if residual {
            let equalized = Equalized { gain: half, ..Equalized::PLAIN };
            Some(FilteredDownConv2d::new(inputs, outputs, 1, equalized, vb.pp("skip"))?)
        } else {
            None
        };
        let gain = SQRT_2 * half;
        let equalized = Equalized { gain, ..Equalized::ACTIVATED };
        let conv0 = ConvLayer::new(inputs, inputs, 3, vb.pp("conv0"))?;
        let vb = vb.pp("conv1");
        Ok(Self {
            conv0,
            bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
            conv1: FilteredDownConv2d::new(inputs, outputs, 3, equalized, vb)?,
            gain,
            skip,
        })
    }

    /// `[N, Ci, H, W]` to `[N, Co, H/2, W/2]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.conv1.forward(&self.conv0.forward(x)?)?;
        let y = ops::bias_act(&y, &self.bias, self.gain, Some(LEAKY_SLOPE))?;
        match &self.skip {
            Some(skip) => y + skip.forward(x)?,
            None => Ok(y),
        }
    }

    /// The output and the pullback to the input.
    pub(super) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (y, conv0) = self.conv0.forward_with_vjp(x)?;
        let (y, conv1) = self.conv1.forward_with_vjp(&y)?;
        let y = ops::bias_act(&y, &self.bias, self.gain, Some(LEAKY_SLOPE))?;
        let through = conv0.then(conv1).then(activation_vjp(&y));
        let Some(skip) = &self.skip else { return Ok((y, through)) };
        let (shortcut, around) = skip.forward_with_vjp(x)?;
        let both = Pullback::new(move |g| through.apply(g)? + around.apply(g)?);
        Ok(((y + shortcut)?, both))
    }
}
