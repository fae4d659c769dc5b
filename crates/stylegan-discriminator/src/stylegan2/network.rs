//! Images to scores.

use std::f64::consts::SQRT_2;

use candle_core::{Error, Result, Tensor, bail};
use candle_nn::VarBuilder;
use stylegan_layers::{Architecture, Precision, Pullback, Pyramid, Structure};
use stylegan_ops::{self as ops, Upfirdn};

use super::block::DownBlock;
use super::labels::LabelMapping;
use crate::head::Head;
use crate::layer::ConvLayer;
use crate::projection::Projection;
use crate::{DiscriminatorConfig, LabelHead, Scores, Tape};

/// StyleGAN2's discriminator (Karras et al. 2020, figure 7).
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pyramid: Pyramid,
    /// Of each block from the smallest: all of them in the skip architecture, else that of the full resolution.
    from_rgb: Vec<Option<ConvLayer>>,
    /// Of each block but the smallest, from the smallest.
    blocks: Vec<DownBlock>,
    head: Head,
    labels: Option<Directions>,
    precision: Precision,
}

impl Network {
    pub(crate) fn new(
        config: &DiscriminatorConfig,
        architecture: Architecture,
        vb: VarBuilder,
    ) -> Result<Self> {
        let pyramid = config.pyramid().map_err(Error::wrap)?;
        let (maps, count) = (config.feature_maps(), pyramid.blocks());
        let vb_of = |block| vb.pp(format!("b{}", pyramid.nominal(block)));
        let from_rgb = (0..count)
            .map(|block| {
                let present = architecture == Architecture::Skip || block + 1 == count;
                let (channels, maps) = (config.channels, maps.of_block(block));
                let vb = vb_of(block).pp("from_rgb");
                present.then(|| ConvLayer::new((channels, maps), 1, SQRT_2, vb)).transpose()
            })
            .collect::<Result<_>>()?;
        let residual = architecture == Architecture::Resnet;
        let blocks = (1..count)
            .map(|block| {
                let widths = (maps.of_block(block), maps.of_block(block - 1));
                DownBlock::new(widths, residual, config.downscale, vb_of(block))
            })
            .collect::<Result<_>>()?;
        let width = maps.of_block(0);
        let (labels, outputs) = match (config.label_dim, config.label_head) {
            (0, _) => (None, 1),
            (dim, LabelHead::Switch) => {
                let mapping = LabelMapping::new(dim, width, vb.pp("mapping"))?;
                (Some(Directions::Mapping(mapping)), width)
            }
            (dim, LabelHead::Projection) => {
                let projection = Projection::new(dim, width, vb.pp("projection"))?;
                (Some(Directions::Projection(projection)), 1 + width)
            }
            (_, LabelHead::AcGan) => bail!("discriminator: StyleGAN2's has no AC-GAN head"),
        };
        let head = Head::new(config, (width, width, outputs), SQRT_2, vb_of(0))?;
        let precision = Precision::FLOAT32;
        Ok(Self { pyramid, from_rgb, blocks, head, labels, precision })
    }

    pub(crate) fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
        let clamp = precision.clamp(1.0);
        self.from_rgb.iter_mut().flatten().for_each(|layer| layer.set_clamp(clamp));
        self.blocks.iter_mut().for_each(|block| block.set_precision(precision));
        self.head.set_clamp(clamp);
    }

    pub(crate) fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// Images `[N, channels, H, W]` to scores. The level of detail must be 0.
    pub(crate) fn forward(
        &self,
        image: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<Scores> {
        self.check(image, lod)?;
        let (mut x, mut image) = (None, image.clone());
        for block in (0..=self.blocks.len()).rev() {
            if let Some(layer) = &self.from_rgb[block] {
                let y = layer.forward(&self.precision.enter(&image, &self.pyramid, block)?)?;
                x = Some(match x {
                    Some(x) => (y + x)?,
                    None => y,
                });
                if block > 0 && self.from_rgb[block - 1].is_some() {
                    image = ops::upfirdn2d(&image, &Upfirdn::halving())?;
                }
            }
            if let (Some(map), Some(below)) = (&x, block.checked_sub(1)) {
                let y = self.blocks[below].forward(map)?;
                x = Some(self.precision.enter(&y, &self.pyramid, below)?);
            }
        }
        let Some(x) = x else { bail!("discriminator: a network without a fromRGB layer") };
        Ok(self.scores(&self.head.forward(&x)?, labels)?.0)
    }

    /// The scores and a tape.
    pub(crate) fn forward_with_vjp(
        &self,
        image: &Tensor,
        lod: f64,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Tape)> {
        self.check(image, lod)?;
        // From the full resolution down: fromRGB with the size of its image, and the block.
        let mut steps = Vec::new();
        let (mut x, mut image) = (None, image.clone());
        for block in (0..=self.blocks.len()).rev() {
            let mut step = Step { from_rgb: None, block: None };
            if let Some(layer) = &self.from_rgb[block] {
                let (_, _, h, w) = image.dims4()?;
                let (entered, enter) =
                    self.precision.enter_with_vjp(&image, &self.pyramid, block)?;
                let (y, pullback) = layer.forward_with_vjp(&entered)?;
                step.from_rgb = Some((enter.then(pullback), (h, w)));
                x = Some(match x {
                    Some(x) => (y + x)?,
                    None => y,
                });
                if block > 0 && self.from_rgb[block - 1].is_some() {
                    image = ops::upfirdn2d(&image, &Upfirdn::halving())?;
                }
            }
            if let (Some(map), Some(below)) = (&x, block.checked_sub(1)) {
                let (y, pullback) = self.blocks[below].forward_with_vjp(map)?;
                let (y, enter) = self.precision.enter_with_vjp(&y, &self.pyramid, below)?;
                step.block = Some(pullback.then(enter));
                x = Some(y);
            }
            steps.push(step);
        }
        let Some(x) = x else { bail!("discriminator: a network without a fromRGB layer") };
        let (outputs, head) = self.head.forward_with_vjp(&x)?;
        let (scores, direction) = self.scores(&outputs, labels)?;
        let blocks = Pullback::new(move |g| input_gradient(&steps, g));
        let (pullback, outputs, precision) = (blocks.then(head), outputs.dim(1)?, self.precision);
        Ok((scores, Tape { pullback, outputs, labels: direction, precision }))
    }

    fn check(&self, image: &Tensor, lod: f64) -> Result<()> {
        self.pyramid.split(lod, Structure::Fixed)?;
        let (_, _, h, w) = image.dims4()?;
        let (eh, ew) = self.pyramid.full_size();
        if (h, w) != (eh, ew) {
            bail!("discriminator: images are {h} x {w}, expected {eh} x {ew}");
        }
        Ok(())
    }

    /// The scores, and the directions that the outputs are projected on.
    fn scores(
        &self,
        outputs: &Tensor,
        labels: Option<&Tensor>,
    ) -> Result<(Scores, Option<Tensor>)> {
        let (score, direction) = match (&self.labels, labels) {
            (None, None) => (outputs.squeeze(1)?, None),
            (Some(directions), Some(labels)) => {
                let direction = directions.of(labels)?;
                ((outputs * &direction)?.sum(1)?, Some(direction))
            }
            (None, Some(_)) => bail!("discriminator: this network takes no labels"),
            (Some(_), None) => bail!("discriminator: this network needs labels"),
        };
        Ok((Scores { score, label_logits: None }, direction))
    }
}

/// From labels to what the outputs are multiplied with before they are summed.
#[derive(Debug, Clone)]
enum Directions {
    Mapping(LabelMapping),
    Projection(Projection),
}

impl Directions {
    /// Labels `[N, label_dim]` to `[N, outputs]`.
    fn of(&self, labels: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mapping(mapping) => mapping.forward(labels),
            Self::Projection(projection) => projection.directions(labels),
        }
    }
}

/// What one resolution did.
struct Step {
    /// The pullback of fromRGB, and the size of the image that it took.
    from_rgb: Option<(Pullback, (usize, usize))>,
    block: Option<Pullback>,
}

/// From the gradient of the smallest map to that of the image.
fn input_gradient(steps: &[Step], g: &Tensor) -> Result<Tensor> {
    let mut map = g.clone();
    let mut image: Option<Tensor> = None;
    for step in steps.iter().rev() {
        if let Some(block) = &step.block {
            map = block.apply(&map)?;
        }
        let Some((from_rgb, size)) = &step.from_rgb else { continue };
        let own = from_rgb.apply(&map)?;
        image = Some(match image {
            // The smaller image is this one halved.
            Some(smaller) => (own + ops::upfirdn2d_vjp(&smaller, &Upfirdn::halving(), *size)?)?,
            None => own,
        });
    }
    match image {
        Some(image) => Ok(image),
        None => bail!("discriminator: a network without a fromRGB layer"),
    }
}
