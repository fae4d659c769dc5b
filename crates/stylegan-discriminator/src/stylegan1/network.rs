//! Images to scores.

use candle_core::{Error, Result, Tensor, bail};
use candle_nn::VarBuilder;
use stylegan_layers::{Precision, Pullback, Pyramid, Structure};
use stylegan_ops as ops;

use super::block::{DownBlock, halving_vjp};
use crate::head::Head;
use crate::layer::ConvLayer;
use crate::projection::Projection;
use crate::{DiscriminatorConfig, LabelHead, Scores, Tape};

/// The discriminator of Progressive GAN and StyleGAN.
///
/// Parameters: `b{R}.from_rgb.{weight,bias}`, `b{R}.conv{0,1}.{weight,bias}` from the full
/// resolution down to 8, `b4.conv.*`, `b4.dense0.*`, `b4.dense1.*`.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pyramid: Pyramid,
    structure: Structure,
    label_dim: usize,
    label_head: LabelHead,
    /// Of each block from the smallest; `None` below the full resolution of a fixed structure.
    from_rgb: Vec<Option<ConvLayer>>,
    /// Of each block but the smallest, from the smallest.
    blocks: Vec<DownBlock>,
    head: Head,
    projection: Option<Projection>,
    precision: Precision,
}

impl Network {
    /// Takes its parameters from `vb`.
    pub(crate) fn new(config: &DiscriminatorConfig, vb: VarBuilder) -> Result<Self> {
        let pyramid = config.pyramid().map_err(Error::wrap)?;
        let (maps, count) = (config.feature_maps(), pyramid.blocks());
        let vb_of = |block| vb.pp(format!("b{}", pyramid.nominal(block)));
        let from_rgb = (0..count)
            .map(|block| {
                let present = config.structure == Structure::Growing || block + 1 == count;
                let (channels, maps) = (config.channels, maps.of_block(block));
                let vb = vb_of(block).pp("from_rgb");
                present.then(|| ConvLayer::new((channels, maps), 1, 1.0, vb)).transpose()
            })
            .collect::<Result<_>>()?;
        let blocks = (1..count)
            .map(|block| {
                let (inputs, outputs) = (maps.of_block(block), maps.of_block(block - 1));
                DownBlock::new(inputs, outputs, config, vb_of(block))
            })
            .collect::<Result<_>>()?;
        let width = maps.of_stage(0);
        let projected = config.label_dim > 0 && config.label_head == LabelHead::Projection;
        let outputs = match config.label_head {
            LabelHead::Switch => config.label_dim.max(1),
            LabelHead::AcGan => 1 + config.label_dim,
            LabelHead::Projection => 1 + if projected { width } else { 0 },
        };
        let sizes = (maps.of_block(0), width, outputs);
        let projection = projected
            .then(|| Projection::new(config.label_dim, width, vb.pp("projection")))
            .transpose()?;
        Ok(Self {
            pyramid,
            structure: config.structure,
            label_dim: config.label_dim,
            label_head: config.label_head,
            from_rgb,
            blocks,
            head: Head::new(config, sizes, 1.0, vb_of(0))?,
            projection,
            precision: Precision::FLOAT32,
        })
    }

    pub(crate) fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
        let clamp = precision.clamp(1.0);
        self.from_rgb.iter_mut().flatten().for_each(|layer| layer.set_clamp(clamp));
        self.blocks.iter_mut().for_each(|block| block.set_clamp(clamp));
        self.head.set_clamp(clamp);
    }

    /// The resolutions from base to full size.
    pub(crate) fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// Images `[N, channels, H, W]` of full resolution to scores, at a level of detail.
    pub(crate) fn forward(&self, x: &Tensor, lod: f64, labels: Option<&Tensor>) -> Result<Scores> {
        self.forward_native(&self.reduce(x, lod)?.0, lod, labels)
    }

    /// As [`Self::forward`], with a tape whose input gradient has the full images' shape.
    pub(crate) fn forward_with_vjp(
        &self,
        x: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Tape)> {
        let (x, halvings) = self.reduce(x, lod)?;
        let (scores, mut tape) = self.forward_native_with_vjp(&x, lod, labels)?;
        for _ in 0..halvings {
            tape.pullback = halving_vjp().then(tape.pullback);
        }
        Ok((scores, tape))
    }

    /// As [`Self::forward`], for images that already are of the resolution that `floor(lod)`
    /// stands for.
    pub(crate) fn forward_native(
        &self,
        image: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<Scores> {
        let (last, fade) = self.split(image, lod)?;
        let mut x = self.first_map(last, image)?;
        for block in (1..=last).rev() {
            x = self.blocks[block - 1].forward(&x)?;
            x = self.precision.enter(&x, &self.pyramid, block - 1)?;
            if fade > 0.0 && block == last {
                let half = ops::downsample_box2d(image)?;
                x = fade_to(&x, &self.first_map(last - 1, &half)?, fade)?;
            }
        }
        Ok(self.scores(&self.head.forward(&x)?, labels)?.0)
    }

    /// As [`Self::forward_native`], with a tape.
    pub(crate) fn forward_native_with_vjp(
        &self,
        image: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Tape)> {
        let (last, fade) = self.split(image, lod)?;
        let (mut x, mut pullback) = self.first_map_with_vjp(last, image)?;
        for block in (1..=last).rev() {
            let (y, vjp) = self.blocks[block - 1].forward_with_vjp(&x)?;
            let (y, enter) = self.precision.enter_with_vjp(&y, &self.pyramid, block - 1)?;
            (x, pullback) = (y, pullback.then(vjp).then(enter));
            if fade > 0.0 && block == last {
                let half = ops::downsample_box2d(image)?;
                let (y, vjp) = self.first_map_with_vjp(last - 1, &half)?;
                x = fade_to(&x, &y, fade)?;
                let (detailed, coarse) = (pullback, halving_vjp().then(vjp));
                pullback = Pullback::new(move |g| {
                    let detailed = detailed.apply(&g.affine(1.0 - fade, 0.0)?)?;
                    detailed + coarse.apply(&g.affine(fade, 0.0)?)?
                });
            }
        }
        let (outputs, vjp) = self.head.forward_with_vjp(&x)?;
        let (scores, labels) = self.scores(&outputs, labels)?;
        let (pullback, outputs) = (pullback.then(vjp), outputs.dim(1)?);
        Ok((scores, Tape { pullback, outputs, labels, precision: self.precision }))
    }

    /// Halves full images until they are of the level of detail's resolution.
    fn reduce(&self, x: &Tensor, lod: f64) -> Result<(Tensor, usize)> {
        let (last, _) = self.pyramid.split(lod, self.structure)?;
        let halvings = self.pyramid.blocks() - 1 - last;
        let mut x = x.clone();
        for _ in 0..halvings {
            x = ops::downsample_box2d(&x)?;
        }
        Ok((x, halvings))
    }

    /// The first block and its fade, if the image is of that block's size.
    fn split(&self, image: &Tensor, lod: f64) -> Result<(usize, f64)> {
        let (last, fade) = self.pyramid.split(lod, self.structure)?;
        let (_, _, h, w) = image.dims4()?;
        if (h, w) != self.pyramid.size(last) {
            let (eh, ew) = self.pyramid.size(last);
            bail!("discriminator: images are {h} x {w} at lod {lod}, expected {eh} x {ew}");
        }
        Ok((last, fade))
    }

    /// An image in the format of a block, and its fromRGB layer.
    fn first_map(&self, block: usize, image: &Tensor) -> Result<Tensor> {
        self.rgb_layer(block)?.forward(&self.precision.enter(image, &self.pyramid, block)?)
    }

    fn first_map_with_vjp(&self, block: usize, image: &Tensor) -> Result<(Tensor, Pullback)> {
        let (image, enter) = self.precision.enter_with_vjp(image, &self.pyramid, block)?;
        let (y, vjp) = self.rgb_layer(block)?.forward_with_vjp(&image)?;
        Ok((y, enter.then(vjp)))
    }

    fn rgb_layer(&self, block: usize) -> Result<&ConvLayer> {
        match &self.from_rgb[block] {
            Some(layer) => Ok(layer),
            None => bail!("discriminator: block {block} has no fromRGB layer"),
        }
    }

    /// The scores, and what the outputs are multiplied with before they are summed, where it is not the first that counts alone.
    fn scores(
        &self,
        outputs: &Tensor,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Option<Tensor>)> {
        let (score, label_logits, factors) = match (self.label_dim, self.label_head, labels) {
            (0, _, None) => (outputs.squeeze(1)?, None, None),
            (0, _, Some(_)) => bail!("discriminator: this network takes no labels"),
            (dim, LabelHead::AcGan, _) => {
                let logits = outputs.narrow(1, 1, dim)?;
                (outputs.narrow(1, 0, 1)?.squeeze(1)?, Some(logits), None)
            }
            (_, LabelHead::Switch | LabelHead::Projection, None) => {
                bail!("discriminator: this network needs labels")
            }
            (_, LabelHead::Switch | LabelHead::Projection, Some(labels)) => {
                let factors = match &self.projection {
                    Some(projection) => projection.directions(labels)?,
                    None => labels.clone(),
                };
                ((outputs * &factors)?.sum(1)?, None, Some(factors))
            }
        };
        Ok((Scores { score, label_logits }, factors))
    }
}

/// `x + (y - x) * fade`.
fn fade_to(x: &Tensor, y: &Tensor, fade: f64) -> Result<Tensor> {
    x.affine(1.0 - fade, 0.0)? + y.affine(fade, 0.0)?
}
