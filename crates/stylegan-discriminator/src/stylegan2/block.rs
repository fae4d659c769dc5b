//! The halving blocks of StyleGAN2's discriminator, each with its pullback.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{
    Activation, Equalized, EqualizedConv2d, FilteredDownConv2d, Precision, Pullback,
};
use stylegan_ops as ops;

use crate::Downscale;
use crate::layer::ConvLayer;

/// The layers of one resolution: `conv0`, `conv1` with a halving of the size, and the shortcut `skip` of the residual architecture.
#[derive(Debug, Clone)]
pub(super) struct DownBlock {
    conv0: ConvLayer,
    conv1: Halving,
    activation: Activation,
    skip: Option<Halving>,
}

/// A convolution that halves the size.
#[derive(Debug, Clone)]
enum Halving {
    /// Filters, then convolves with stride 2 (3x3) or what was halved (1x1).
    InConvolution(FilteredDownConv2d),
    /// Convolves at full size and takes means of two by two: of the activated map, or where nothing is activated before the
    /// convolution, which is the same function of fewer pixels.
    Means(EqualizedConv2d),
}

impl Halving {
    fn new(
        downscale: Downscale,
        (inputs, outputs): (usize, usize),
        kernel: usize,
        equalized: Equalized,
        vb: VarBuilder,
    ) -> Result<Self> {
        Ok(match downscale {
            Downscale::InConvolution => Self::InConvolution(FilteredDownConv2d::new(
                inputs, outputs, kernel, equalized, vb,
            )?),
            Downscale::AfterActivation => {
                Self::Means(EqualizedConv2d::new(inputs, outputs, kernel, equalized, vb)?)
            }
        })
    }

    fn forward(&self, x: &Tensor, after: Option<&Activation>) -> Result<Tensor> {
        match (self, after) {
            (Self::InConvolution(conv), after) => conv.forward(x, after),
            (Self::Means(conv), Some(activation)) => {
                ops::downsample_box2d(&conv.forward_activated(x, activation)?)
            }
            (Self::Means(conv), None) => conv.forward(&ops::downsample_box2d(x)?),
        }
    }

    fn forward_with_vjp(
        &self,
        x: &Tensor,
        after: Option<&Activation>,
    ) -> Result<(Tensor, Pullback)> {
        let means_vjp = || Pullback::new(ops::downsample_box2d_vjp);
        match (self, after) {
            (Self::InConvolution(conv), after) => conv.forward_with_vjp(x, after),
            (Self::Means(conv), Some(activation)) => {
                let (y, pullback) = conv.forward_activated_with_vjp(x, activation)?;
                Ok((ops::downsample_box2d(&y)?, pullback.then(means_vjp())))
            }
            (Self::Means(conv), None) => {
                let x = ops::downsample_box2d(x)?;
                let (_, _, h, w) = x.dims4()?;
                Ok((conv.forward(&x)?, means_vjp().then(conv.vjp((h, w)))))
            }
        }
    }
}

impl DownBlock {
    pub(super) fn new(
        (inputs, outputs): (usize, usize),
        residual: bool,
        downscale: Downscale,
        vb: VarBuilder,
    ) -> Result<Self> {
        let half = if residual { FRAC_1_SQRT_2 } else { 1.0 };
        let halving = |kernel, equalized, vb| {
            Halving::new(downscale, (inputs, outputs), kernel, equalized, vb)
        };
        let skip = if residual {
            let equalized = Equalized { gain: half, ..Equalized::PLAIN };
            Some(halving(1, equalized, vb.pp("skip"))?)
        } else {
            None
        };
        // The activation's gain, and that of the sum of two.
        let gain = SQRT_2 * half;
        let equalized = Equalized { gain, ..Equalized::ACTIVATED };
        let conv0 = ConvLayer::new((inputs, inputs), 3, SQRT_2, vb.pp("conv0"))?;
        let vb = vb.pp("conv1");
        Ok(Self {
            conv0,
            activation: Activation::new(outputs, gain, vb.clone())?,
            conv1: halving(3, equalized, vb)?,
            skip,
        })
    }

    /// What is added to a shortcut has another gain, and so has its limit.
    pub(super) fn set_precision(&mut self, precision: Precision) {
        self.conv0.set_clamp(precision.clamp(1.0));
        let gain = if self.skip.is_some() { FRAC_1_SQRT_2 } else { 1.0 };
        self.activation.set_clamp(precision.clamp(gain));
    }

    /// `[N, Ci, H, W]` to `[N, Co, H/2, W/2]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.conv1.forward(&self.conv0.forward(x)?, Some(&self.activation))?;
        match &self.skip {
            Some(skip) => y + skip.forward(x, None)?,
            None => Ok(y),
        }
    }

    /// The output and the pullback to the input.
    pub(super) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (y, conv0) = self.conv0.forward_with_vjp(x)?;
        let (y, conv1) = self.conv1.forward_with_vjp(&y, Some(&self.activation))?;
        let through = conv0.then(conv1);
        let Some(skip) = &self.skip else { return Ok((y, through)) };
        let (shortcut, around) = skip.forward_with_vjp(x, None)?;
        let both = Pullback::new(move |g| through.apply(g)? + around.apply(g)?);
        Ok(((y + shortcut)?, both))
    }
}
