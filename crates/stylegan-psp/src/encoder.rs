//! Images to styles.

use candle_core::{Error, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Equalized, EqualizedLinear};

use crate::backbone::Backbone;
use crate::config::{EncoderConfig, EncoderKind};
use crate::layers::{Conv, Dense};
use crate::norm::{BatchNorm, Mode};
use crate::resample::{Axis, Resampler};

/// The slope of the leaky ReLUs in the style heads.
const SLOPE: f64 = 0.01;

/// Styles from the map of a sixteenth of the size, then those from an eighth; all others come from a quarter.
const COARSE_STYLES: usize = 3;
const MIDDLE_STYLES: usize = 4;

/// The side of the map that the baseline into W+ flattens.
const POOLED: usize = 7;

/// An encoder of images into the styles of a generator (Richardson et al. 2021).
///
/// Parameters have the names of the published files: `input_layer.*`, `body.{i}.*`; for pSp `styles.{i}.convs.{2j}.*`,
/// `styles.{i}.linear.*`, `latlayer1.*`, `latlayer2.*`; for the baselines `linear.*` and `output_layer_2.{0,3}.*`; and the
/// buffer `latent_avg` `[styles, w_dim]` where codes start from the average.
#[derive(Debug, Clone)]
pub struct Encoder {
    config: EncoderConfig,
    backbone: Backbone,
    head: Head,
    latent_avg: Option<Tensor>,
}

#[derive(Debug, Clone)]
enum Head {
    Pyramid { lateral: [Conv; 2], up: [Resampler; 2], styles: Vec<StyleHead> },
    Mean { linear: EqualizedLinear },
    Flat { norm: BatchNorm, pool: Resampler, dense: Dense, linear: EqualizedLinear },
}

impl Encoder {
    /// Takes its parameters from `vb`.
    ///
    /// # Errors
    /// A configuration that cannot be, and those of `vb`.
    pub fn new(config: &EncoderConfig, vb: VarBuilder) -> Result<Self> {
        config.validate().map_err(Error::wrap)?;
        let EncoderConfig { styles, w_dim, input_size, .. } = *config;
        let (backbone, width) = (&config.backbone, config.backbone.width());
        let coarse = input_size / 16;
        let plain = Equalized::PLAIN;
        let head = match config.kind {
            EncoderKind::GradualStyle => {
                let lateral = |name, group| {
                    Conv::with_bias((backbone.channels(group), width, 1, 1), vb.pp(name))
                };
                let style = |index: usize| {
                    let side = match index {
                        _ if index < COARSE_STYLES => coarse,
                        _ if index < COARSE_STYLES + MIDDLE_STYLES => 2 * coarse,
                        _ => 4 * coarse,
                    };
                    StyleHead::new(width, w_dim, side, vb.pp("styles").pp(index))
                };
                let up = |side: usize| Resampler::square(&Axis::bilinear_corners(side, 2 * side));
                Head::Pyramid {
                    lateral: [lateral("latlayer1", 2)?, lateral("latlayer2", 1)?],
                    up: [up(coarse), up(2 * coarse)],
                    styles: (0..styles).map(style).collect::<Result<_>>()?,
                }
            }
            EncoderKind::IntoW => {
                let linear = EqualizedLinear::new(width, w_dim, plain, None, vb.pp("linear"))?;
                Head::Mean { linear }
            }
            EncoderKind::IntoWPlus => {
                let vb_out = vb.pp("output_layer_2");
                let (flat, all) = (width * POOLED * POOLED, w_dim * styles);
                Head::Flat {
                    norm: BatchNorm::new(width, vb_out.pp(0))?,
                    pool: Resampler::square(&Axis::area(coarse, POOLED)),
                    dense: Dense::new(flat, w_dim, vb_out.pp(3))?,
                    linear: EqualizedLinear::new(w_dim, all, plain, None, vb.pp("linear"))?,
                }
            }
        };
        let average = || vb.get_with_hints((styles, w_dim), "latent_avg", Init::Const(0.0));
        Ok(Self {
            backbone: Backbone::new(backbone, config.input_channels, vb.clone())?,
            head,
            latent_avg: config.start_from_average.then(average).transpose()?,
            config: config.clone(),
        })
    }

    /// What it was built from.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The average latent that codes start from, `[styles, w_dim]`.
    pub fn latent_avg(&self) -> Option<&Tensor> {
        self.latent_avg.as_ref()
    }

    /// Images `[N, input_channels, input_size, input_size]` to styles `[N, styles, w_dim]`, from the average latent where there is one.
    ///
    /// # Errors
    /// Images of another shape.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let codes = self.offsets(images, mode)?;
        match &self.latent_avg {
            Some(average) => codes.broadcast_add(average),
            None => Ok(codes),
        }
    }

    /// As [`Self::forward`], without the average: what the network itself gives.
    ///
    /// # Errors
    /// Images of another shape.
    pub fn offsets(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let EncoderConfig { input_channels, input_size, styles, w_dim, .. } = self.config;
        let n = match *images.dims() {
            [n, c, h, w] if (c, h, w) == (input_channels, input_size, input_size) => n,
            ref found => bail!(
                "the encoder takes images [N, {input_channels}, {input_size}, {input_size}], got {found:?}"
            ),
        };
        let [fine, middle, coarse] = self.backbone.forward(images, mode)?;
        match &self.head {
            Head::Pyramid { lateral, up, styles: heads } => {
                let middle = (up[0].apply(&coarse)? + lateral[0].forward(&middle, mode)?)?;
                let fine = (up[1].apply(&middle)? + lateral[1].forward(&fine, mode)?)?;
                let styles = heads.iter().enumerate().map(|(index, head)| {
                    let map = match index {
                        _ if index < COARSE_STYLES => &coarse,
                        _ if index < COARSE_STYLES + MIDDLE_STYLES => &middle,
                        _ => &fine,
                    };
                    head.forward(map, mode)
                });
                Tensor::stack(&styles.collect::<Result<Vec<_>>>()?, 1)
            }
            Head::Mean { linear } => {
                let w = linear.forward(&stylegan_ops::plane_means(&coarse)?)?;
                w.unsqueeze(1)?.repeat((1, styles, 1))
            }
            Head::Flat { norm, pool, dense, linear } => {
                let x = pool.apply(&norm.forward(&coarse, mode)?)?.flatten_from(1)?;
                linear.forward(&dense.forward(&x)?)?.reshape((n, styles, w_dim))
            }
        }
    }
}

/// The network of one style (map2style): 3x3 convolutions of stride 2, each with a leaky ReLU, down to one pixel, then a dense layer.
///
/// Parameters: `convs.{0,2,4,..}.weight`, `.bias`, and `linear.weight`, `.bias`, stored raw.
#[derive(Debug, Clone)]
struct StyleHead {
    convs: Vec<Conv>,
    linear: EqualizedLinear,
}

impl StyleHead {
    fn new(inputs: usize, w_dim: usize, side: usize, vb: VarBuilder) -> Result<Self> {
        let conv = |index: usize| {
            let inputs = if index == 0 { inputs } else { w_dim };
            Conv::with_bias((inputs, w_dim, 3, 2), vb.pp("convs").pp(2 * index))
        };
        let halvings = side.ilog2() as usize;
        Ok(Self {
            convs: (0..halvings).map(conv).collect::<Result<_>>()?,
            linear: EqualizedLinear::new(w_dim, w_dim, Equalized::PLAIN, None, vb.pp("linear"))?,
        })
    }

    /// `[N, in, side, side]` to `[N, w_dim]`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let step = |x: Tensor, conv: &Conv| conv.activated(&x, Some(SLOPE), mode);
        let x = self.convs.iter().try_fold(x.clone(), step)?;
        self.linear.forward(&x.flatten_from(1)?)
    }
}
