//! Styles to an image.

use std::f64::consts::FRAC_1_SQRT_2;

use candle_core::{Error, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{
    Architecture, Equalized, EqualizedConv2d, Precision, Pullback, Pyramid, Structure,
};

use super::doubling::Doubling;
use super::layer::{Layer, ToRgb};
use super::tape::{BlockTape, StylesTape};
use crate::{Noise, SynthesisConfig};

/// StyleGAN2's synthesis network (Karras et al. 2020, section 2 and figure 7).
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pyramid: Pyramid,
    w_dim: usize,
    constant: Tensor,
    blocks: Vec<Block>,
    precision: Precision,
}

/// The layers of one resolution. The style of `to_rgb` is also that of the next block's `conv0`.
#[derive(Debug, Clone)]
struct Block {
    /// `None` in the first block.
    conv0: Option<Layer>,
    conv1: Layer,
    /// In every block of the skip architecture, else in the last.
    to_rgb: Option<ToRgb>,
    /// The shortcut of the residual architecture.
    skip: Option<EqualizedConv2d>,
    doubling: Doubling,
}

impl Network {
    pub(crate) fn new(
        config: &SynthesisConfig,
        architecture: Architecture,
        vb: VarBuilder,
    ) -> Result<Self> {
        let pyramid = config.pyramid().map_err(Error::wrap)?;
        let (h, w) = pyramid.size(0);
        let shape = (1, config.feature_maps().of_block(0), h, w);
        let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
        let blocks = (0..pyramid.blocks())
            .map(|block| {
                let vb = vb.pp(format!("b{}", pyramid.nominal(block)));
                Block::new(config, architecture, &pyramid, block, vb)
            })
            .collect::<Result<_>>()?;
        let constant = vb.pp("b4").get_with_hints(shape, "const", normal)?;
        let precision = Precision::FLOAT32;
        Ok(Self { pyramid, w_dim: config.w_dim, constant, blocks, precision })
    }

    pub(crate) fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
        for block in &mut self.blocks {
            let convs = block.conv0.iter_mut().chain([&mut block.conv1]);
            convs.for_each(|conv| conv.set_precision(precision));
            block.to_rgb.iter_mut().for_each(|to_rgb| to_rgb.set_precision(precision));
        }
    }

    pub(crate) fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// Styles `[N, layers, w_dim]` to images. The level of detail must be 0.
    pub(crate) fn forward(&self, ws: &Tensor, lod: f64, noise: &Noise) -> Result<Tensor> {
        self.pyramid.split(lod, Structure::Fixed)?;
        // Each block's tape is dropped at once, and with it what only the way back needs.
        self.run(ws, noise, |_, _| {})
    }

    /// The images and the way back to the styles.
    pub(crate) fn forward_with_vjp(
        &self,
        ws: &Tensor,
        noise: &Noise,
    ) -> Result<(Tensor, StylesTape)> {
        let mut blocks = Vec::with_capacity(self.blocks.len());
        let image = self.run(ws, noise, |enter, tape| blocks.push((enter, tape)))?;
        let (layers, precision) = (2 * self.blocks.len(), self.precision);
        Ok((image, StylesTape { blocks, layers, precision }))
    }

    fn run(
        &self,
        ws: &Tensor,
        noise: &Noise,
        mut keep: impl FnMut(Pullback, BlockTape),
    ) -> Result<Tensor> {
        let (n, layers, w_dim) = ws.dims3()?;
        let expected = (2 * self.blocks.len(), self.w_dim);
        if (layers, w_dim) != expected {
            bail!("synthesis: styles are {layers} x {w_dim}, expected {expected:?}");
        }
        let (_, c, h, w) = self.constant.dims4()?;
        let mut x = self.constant.broadcast_as((n, c, h, w))?.contiguous()?;
        let mut image = None;
        for (index, block) in self.blocks.iter().enumerate() {
            let (entered, enter) = self.precision.enter_with_vjp(&x, &self.pyramid, index)?;
            let (y, tape) = block.forward_with_vjp(&entered, &mut image, ws, noise)?;
            x = y;
            keep(enter, tape);
        }
        match image {
            Some(image) => Ok(image),
            None => bail!("synthesis: a network without a toRGB layer"),
        }
    }
}

impl Block {
    fn new(
        config: &SynthesisConfig,
        architecture: Architecture,
        pyramid: &Pyramid,
        block: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        let maps = config.feature_maps();
        let (size, outputs) = (pyramid.size(block), maps.of_block(block));
        let below = maps.of_block(block.saturating_sub(1));
        let residual = architecture == Architecture::Resnet && block > 0;
        let gain = if residual { FRAC_1_SQRT_2 } else { 1.0 };
        let layer = |index, inputs, up, gain, name| {
            Layer::new(config, index, (inputs, outputs), (size, up), gain, vb.pp(name))
        };
        let conv0 = match block {
            0 => None,
            _ => Some(layer(2 * block - 1, below, true, 1.0, "conv0")?),
        };
        let skip = if residual {
            let equalized = Equalized { gain, ..Equalized::PLAIN };
            Some(EqualizedConv2d::new(below, outputs, 1, equalized, vb.pp("skip"))?)
        } else {
            None
        };
        let has_rgb = architecture == Architecture::Skip || block + 1 == pyramid.blocks();
        let to_rgb = if has_rgb {
            Some(ToRgb::new(config, 2 * block + 1, outputs, vb.pp("to_rgb"))?)
        } else {
            None
        };
        let conv1 = layer(2 * block, outputs, false, gain, "conv1")?;
        Ok(Self { conv0, conv1, to_rgb, skip, doubling: Doubling::of(config) })
    }

    /// `[N, Ci, H, W]` to `[N, Co, 2H, 2W]` (in the first block the size stays), and what the block adds to the image.
    fn forward_with_vjp(
        &self,
        x: &Tensor,
        image: &mut Option<Tensor>,
        ws: &Tensor,
        noise: &Noise,
    ) -> Result<(Tensor, BlockTape)> {
        let skip = match &self.skip {
            Some(skip) => {
                let (_, _, h, w) = x.dims4()?;
                let (doubling, y) = (self.doubling, self.doubling.forward(&skip.forward(x)?)?);
                let resample = Pullback::new(move |g| doubling.vjp(g, (h, w)));
                Some((y, skip.vjp((h, w)).then(resample)))
            }
            None => None,
        };
        let (x, conv0) = match &self.conv0 {
            None => (x.clone(), None),
            Some(layer) => {
                let (x, tape) = layer.forward_with_vjp(x, ws, noise)?;
                (x, Some((layer.index(), tape)))
            }
        };
        let (mut x, conv1) = self.conv1.forward_with_vjp(&x, ws, noise)?;
        let skip = match skip {
            None => None,
            Some((y, pullback)) => {
                x = (x + y)?;
                Some(pullback)
            }
        };
        let doubled = match image.take() {
            None => None,
            Some(small) => {
                let (_, _, h, w) = small.dims4()?;
                *image = Some(self.doubling.forward(&small)?);
                Some((self.doubling, (h, w)))
            }
        };
        let to_rgb = match &self.to_rgb {
            None => None,
            Some(layer) => {
                let (rgb, tape) = layer.forward_with_vjp(&x, ws)?;
                *image = Some(match image.take() {
                    Some(image) => (image + rgb)?,
                    None => rgb,
                });
                Some((layer.index(), tape))
            }
        };
        let conv1 = (self.conv1.index(), conv1);
        Ok((x, BlockTape { conv0, conv1, to_rgb, skip, doubled }))
    }
}
