//! What follows every convolution of a synthesis network.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Equalized, EqualizedLinear, LEAKY_SLOPE};
use stylegan_ops as ops;

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
        })
    }

    /// What is done before the blur: nothing, or the bias.
    pub(crate) fn before_blur(&self, x: Tensor) -> Result<Tensor> {
        match &self.early_bias {
            Some(bias) => ops::bias_act(&x, bias, 1.0, None),
            None => Ok(x),
        }
    }

    /// `x` `[N, C, H, W]` and all layers' styles `[N, layers, w_dim]` to `[N, C, H, W]`.
    pub(crate) fn forward(&self, x: &Tensor, ws: &Tensor, noise: &Noise) -> Result<Tensor> {
        let mut x = self.activate(x, noise)?;
        if self.pixel_norm {
            x = ops::pixel_norm(&x, self.epsilon)?;
        }
        let style = match &self.style {
            Some(style) => Some(style.forward(&ws.narrow(1, self.layer, 1)?.squeeze(1)?)?),
            None => None,
        };
        match (style, self.instance_norm) {
            (Some(style), true) => ops::adain(&x, &style, self.epsilon),
            (Some(style), false) => modulate(&x, &style),
            (None, true) => ops::instance_norm(&x, self.epsilon),
            (None, false) => Ok(x),
        }
    }

    /// Noise, bias, leaky ReLU.
    fn activate(&self, x: &Tensor, noise: &Noise) -> Result<Tensor> {
        let (n, _, h, w) = x.dims4()?;
        let Some(input) = &self.noise else {
            return ops::bias_act(x, &self.bias, 1.0, Some(LEAKY_SLOPE));
        };
        let map = match *noise {
            Noise::None => return ops::bias_act(x, &self.bias, 1.0, Some(LEAKY_SLOPE)),
            Noise::Const => input.constant.clone(),
            Noise::Random { seed, step, kind } => {
                kind.map(seed, step, self.layer as u32, n, h, w, x.device())?.to_dtype(x.dtype())?
            }
            Noise::Shared { seed, step, kind } => {
                kind.map(seed, step, self.layer as u32, 1, h, w, x.device())?.to_dtype(x.dtype())?
            }
        };
        ops::noise_bias_act(x, &map, &input.weight, &self.bias, 1.0, LEAKY_SLOPE)
    }
}

/// Style modulation without a normalisation: `x * (scale + 1) + shift`, `style` `[N, 2C]`.
fn modulate(x: &Tensor, style: &Tensor) -> Result<Tensor> {
    let (n, c, _, _) = x.dims4()?;
    let scale = style.narrow(1, 0, c)?.reshape((n, c, 1, 1))?.affine(1.0, 1.0)?;
    let shift = style.narrow(1, c, c)?.reshape((n, c, 1, 1))?;
    x.broadcast_mul(&scale)?.broadcast_add(&shift)
}
