//! A convolution of a synthesis network and what follows it.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Clamp, Equalized, EqualizedLinear, LEAKY_SLOPE, Precision};
use stylegan_ops::{self as ops, StyledConv2d};

use super::conv::Conv;
use crate::{Noise, SynthesisConfig};

/// Noise, bias, leaky ReLU, normalisation, style (Karras et al. 2019, figure 1b), in that order.
///
/// Parameters: `bias` `[C]`; `noise.weight` `[C]` and the buffer `noise.const` `[1, 1, H, W]`;
/// `style.weight` `[2C, w_dim]` and `style.bias` `[2C]` (scales, to which 1 is added, then
/// shifts).
#[derive(Debug, Clone)]
pub(crate) struct Epilogue {
    layer: usize,
    bias: Tensor,
    /// Where the bias belongs before the blur; `bias` is then zero.
    early_bias: Option<Tensor>,
    epsilon: f64,
    noise: Option<NoiseInput>,
    pixel_norm: bool,
    instance_norm: bool,
    style: Option<EqualizedLinear>,
    clamp: Clamp,
}

#[derive(Debug, Clone)]
struct NoiseInput {
    weight: Tensor,
    constant: Tensor,
}

impl Epilogue {
    /// The epilogue of `layer` (counted over the network), after `maps` feature maps of `size`.
    pub(crate) fn new(
        config: &SynthesisConfig,
        layer: usize,
        maps: usize,
        size: (usize, usize),
        vb: VarBuilder,
    ) -> Result<Self> {
        let noise = if config.use_noise {
            let vb = vb.pp("noise");
            let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
            Some(NoiseInput {
                weight: vb.get_with_hints(maps, "weight", Init::Const(0.0))?,
                constant: vb.get_with_hints((1, 1, size.0, size.1), "const", normal)?,
            })
        } else {
            None
        };
        let style = if config.use_styles {
            let (w_dim, vb) = (config.w_dim, vb.pp("style"));
            Some(EqualizedLinear::new(w_dim, 2 * maps, Equalized::PLAIN, None, vb)?)
        } else {
            None
        };
        let bias = vb.get_with_hints(maps, "bias", Init::Const(0.0))?;
        // The first block of two has no blur; the second layer of a block neither.
        let early = config.bias_before_blur && config.blur && layer > 0 && layer.is_multiple_of(2);
        let (bias, early_bias) =
            if early { (bias.zeros_like()?, Some(bias)) } else { (bias, None) };
        Ok(Self {
            layer,
            bias,
            early_bias,
            epsilon: config.norm_epsilon,
            noise,
            pixel_norm: config.pixel_norm,
            instance_norm: config.instance_norm,
            style,
            clamp: Clamp::NONE,
        })
    }

    /// A norm that follows the activation keeps it in range by itself.
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        let normalized = self.pixel_norm || self.instance_norm;
        self.clamp = if normalized { Clamp::NONE } else { precision.clamp(1.0) };
    }

    /// `conv` of `x` `[N, Ci, H, W]` and what follows it, with all layers' styles `[N, layers, w_dim]`, to `[N, C, H, W]` or twice that size.
    pub(crate) fn forward(
        &self,
        conv: &Conv,
        x: &Tensor,
        ws: &Tensor,
        noise: &Noise,
    ) -> Result<Tensor> {
        let (n, _, h, w) = x.dims4()?;
        let factor = if matches!(conv, Conv::Up { .. }) { 2 } else { 1 };
        let maps = match &self.noise {
            Some(input) => {
                let maps = noise.maps(&input.constant, self.layer, (n, factor * h, factor * w))?;
                maps.zip(Some(&input.weight))
            }
            None => None,
        };
        let maps = maps.as_ref().map(|(maps, weight)| (maps, *weight));
        let style = match &self.style {
            Some(style) => Some(style.forward(&ws.narrow(1, self.layer, 1)?.squeeze(1)?)?),
            None => None,
        };
        let plain = !self.pixel_norm && self.instance_norm && self.early_bias.is_none();
        if let (true, Some(style)) = (plain, &style) {
            let rest = StyledConv2d {
                up: None,
                scale: 1.0,
                noise: maps,
                bias: &self.bias,
                slope: LEAKY_SLOPE,
                eps: self.epsilon,
            };
            if let Some(y) = conv.forward_styled(x, rest, style)? {
                return Ok(y);
            }
        }
        let x = conv.forward(x, self.early_bias.as_ref())?;
        let mut x = match maps {
            Some((maps, weight)) => {
                ops::noise_bias_act(&x, maps, weight, &self.bias, 1.0, LEAKY_SLOPE)?
            }
            None => ops::bias_act(&x, &self.bias, 1.0, Some(LEAKY_SLOPE))?,
        };
        x = self.clamp.forward(&x)?;
        if self.pixel_norm {
            x = ops::pixel_norm(&x, self.epsilon)?;
        }
        match (style, self.instance_norm) {
            (Some(style), true) => ops::adain(&x, &style, self.epsilon),
            (Some(style), false) => modulate(&x, &style),
            (None, true) => ops::instance_norm(&x, self.epsilon),
            (None, false) => Ok(x),
        }
    }
}

/// Style modulation without a normalisation: `x * (scale + 1) + shift`, `style` `[N, 2C]`.
fn modulate(x: &Tensor, style: &Tensor) -> Result<Tensor> {
    let (n, c, _, _) = x.dims4()?;
    let style = style.to_dtype(x.dtype())?;
    let scale = style.narrow(1, 0, c)?.reshape((n, c, 1, 1))?.affine(1.0, 1.0)?;
    let shift = style.narrow(1, c, c)?.reshape((n, c, 1, 1))?;
    x.broadcast_mul(&scale)?.broadcast_add(&shift)
}
