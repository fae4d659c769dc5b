//! The layers of StyleGAN2's synthesis network, each with the way back to its input and its `w`.

use std::f64::consts::SQRT_2;

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Clamp, LEAKY_SLOPE, ModulatedConv, ModulatedConvTape, Precision};
use stylegan_ops::{self as ops, ScaledActivation};

use super::doubling::Doubling;
use crate::{Noise, SynthesisConfig, Upscale};

/// A modulated convolution, noise, bias, leaky ReLU, gain (Karras et al. 2020, figure 2d).
///
/// Parameters: `weight`, `style.{weight,bias}`, `bias` `[C]`, `noise.strength` (a scalar) and the buffer `noise.const`
/// `[1, 1, H, W]`.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Counted over the network's styles.
    index: usize,
    /// What doubles the size before the convolution, where that does not do it itself.
    doubling: Option<Doubling>,
    conv: ModulatedConv,
    noise: Option<NoiseInput>,
    bias: Tensor,
    /// Of the activation: noise and bias are multiplied with it, as the convolution is, since a leaky ReLU is homogeneous.
    gain: f64,
    clamp: Clamp,
}

#[derive(Debug, Clone)]
struct NoiseInput {
    strength: Tensor,
    constant: Tensor,
}

/// The way back through a [`Layer`].
pub(super) struct LayerTape {
    /// What the size was doubled with, and the size before.
    doubled: Option<(Doubling, (usize, usize))>,
    conv: ModulatedConvTape,
    output: Tensor,
    clamp: Clamp,
}

impl Layer {
    /// The layer `index`, from `inputs` to `outputs` maps of `size`.
    pub(super) fn new(
        config: &SynthesisConfig,
        index: usize,
        (inputs, outputs): (usize, usize),
        (size, up): ((usize, usize), bool),
        residual: f64,
        vb: VarBuilder,
    ) -> Result<Self> {
        let noise = if config.use_noise {
            let vb = vb.pp("noise");
            let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
            Some(NoiseInput {
                strength: vb.get_with_hints((), "strength", Init::Const(0.0))?,
                constant: vb.get_with_hints((1, 1, size.0, size.1), "const", normal)?,
            })
        } else {
            None
        };
        let (shape, gain) = ((inputs, outputs, 3), SQRT_2 * residual);
        let before = up && config.upscale == Upscale::BeforeConvolution;
        Ok(Self {
            index,
            noise,
            doubling: before.then(|| Doubling::of(config)),
            bias: vb.get_with_hints(outputs, "bias", Init::Const(0.0))?,
            conv: ModulatedConv::new(config.w_dim, shape, (up && !before, true), gain, vb)?,
            gain,
            clamp: Clamp::NONE,
        })
    }

    /// The limit has the residual gain too.
    pub(super) fn set_precision(&mut self, precision: Precision) {
        self.clamp = precision.clamp(self.gain / SQRT_2);
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// `x` `[N, Ci, H, W]` and all layers' styles to `[N, Co, H, W]`, or twice that size.
    pub(super) fn forward_with_vjp(
        &self,
        x: &Tensor,
        ws: &Tensor,
        noise: &Noise,
    ) -> Result<(Tensor, LayerTape)> {
        let (n, _, h, w) = x.dims4()?;
        let doubled = self.doubling.map(|doubling| (doubling, (h, w)));
        let x = &match self.doubling {
            Some(doubling) => doubling.forward(x)?,
            None => x.clone(),
        };
        let (_, _, h, w) = x.dims4()?;
        let (h, w) = self.conv.output_size((h, w));
        let maps = match &self.noise {
            Some(input) => noise.maps(&input.constant, self.index, (n, h, w))?.zip(Some(input)),
            None => None,
        };
        let noise = match maps {
            Some((maps, input)) => Some((maps, self.strengths(input)?)),
            None => None,
        };
        let activation = ScaledActivation {
            noise: noise.as_ref().map(|(maps, strengths)| (maps, strengths)),
            bias: &self.bias,
            bias_scale: self.gain,
            slope: LEAKY_SLOPE,
        };
        let style = style(ws, self.index)?;
        let (output, conv) = self.conv.forward_activated(x, &style, &activation)?;
        let output = self.clamp.forward(&output)?;
        // The masks are piecewise constant: nothing flows through them.
        let tape = LayerTape { doubled, conv, output: output.detach(), clamp: self.clamp };
        Ok((output, tape))
    }

    /// The noise's weight for each channel.
    fn strengths(&self, input: &NoiseInput) -> Result<Tensor> {
        let strength = input.strength.affine(self.gain, 0.0)?.reshape(1)?;
        strength.broadcast_as(self.bias.dim(0)?)?.contiguous()
    }
}

impl LayerTape {
    /// From the gradient of the output to those of `x` and of the layer's `w`.
    pub(super) fn vjp(&self, g: &Tensor) -> Result<(Tensor, Tensor)> {
        let g = self.clamp.vjp(g, &self.output)?;
        let (gx, gw) = self.conv.vjp(&ops::leaky_relu_vjp(&g, &self.output, LEAKY_SLOPE)?)?;
        Ok(match self.doubled {
            Some((doubling, size)) => (doubling.vjp(&gx, size)?, gw),
            None => (gx, gw),
        })
    }
}

/// A modulated 1x1 convolution to the image's channels, not demodulated, with bias, without activation.
///
/// Parameters: `weight`, `style.{weight,bias}`, `bias`.
#[derive(Debug, Clone)]
pub(super) struct ToRgb {
    index: usize,
    conv: ModulatedConv,
    bias: Tensor,
    precision: Precision,
}

/// The way back through a [`ToRgb`].
pub(super) struct ToRgbTape {
    conv: ModulatedConvTape,
    /// Before it left the block's format.
    image: Tensor,
    clamp: Clamp,
}

impl ToRgb {
    pub(super) fn new(
        config: &SynthesisConfig,
        index: usize,
        maps: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        let shape = (maps, config.channels, 1);
        Ok(Self {
            index,
            bias: vb.get_with_hints(config.channels, "bias", Init::Const(0.0))?,
            conv: ModulatedConv::new(config.w_dim, shape, (false, false), 1.0, vb)?,
            precision: Precision::FLOAT32,
        })
    }

    pub(super) fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// `x` `[N, C, H, W]` and all layers' styles to an image.
    pub(super) fn forward_with_vjp(&self, x: &Tensor, ws: &Tensor) -> Result<(Tensor, ToRgbTape)> {
        let (y, conv) = self.conv.forward_with_vjp(x, &style(ws, self.index)?)?;
        let clamp = self.precision.clamp(1.0);
        let image = clamp.forward(&ops::bias_act(&y, &self.bias, 1.0, None)?)?;
        let tape = ToRgbTape { conv, image: image.detach(), clamp };
        Ok((self.precision.leave(&image)?, tape))
    }
}

impl ToRgbTape {
    /// From the gradient of the image to those of `x` and of the layer's `w`.
    pub(super) fn vjp(&self, g: &Tensor) -> Result<(Tensor, Tensor)> {
        let g = g.to_dtype(self.image.dtype())?;
        self.conv.vjp(&self.clamp.vjp(&g, &self.image)?)
    }
}

/// One layer's `w` `[N, w_dim]`.
fn style(ws: &Tensor, layer: usize) -> Result<Tensor> {
    ws.narrow(1, layer, 1)?.squeeze(1)
}
