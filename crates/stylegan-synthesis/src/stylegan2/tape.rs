//! From the gradient of an image to that of its styles.

use candle_core::{Result, Tensor, bail};
use stylegan_layers::{Precision, Pullback};

use super::doubling::Doubling;
use super::layer::{LayerTape, ToRgbTape};

/// The way back from images to styles.
pub struct StylesTape {
    /// Of each block, the way back through its change of format and through its layers.
    pub(super) blocks: Vec<(Pullback, BlockTape)>,
    pub(super) layers: usize,
    pub(super) precision: Precision,
}

/// The way back through one block; layers with the index of their style.
pub(super) struct BlockTape {
    pub(super) conv0: Option<(usize, LayerTape)>,
    pub(super) conv1: (usize, LayerTape),
    pub(super) to_rgb: Option<(usize, ToRgbTape)>,
    pub(super) skip: Option<Pullback>,
    /// What the image that came from below was doubled with, and its size, if one did.
    pub(super) doubled: Option<(Doubling, (usize, usize))>,
}

impl StylesTape {
    /// The gradient `[N, layers, w_dim]` of `sum(cotangent * image)` with respect to the styles, for a cotangent of the image's shape; made
    /// of tracked operations on parameters and styles.
    ///
    /// # Errors
    /// If the cotangent is of another shape.
    pub fn styles_gradient(&self, cotangent: &Tensor) -> Result<Tensor> {
        self.precision.scaled_vjp(cotangent, |cotangent| self.vjp(cotangent))
    }

    fn vjp(&self, cotangent: &Tensor) -> Result<Tensor> {
        let mut gradients: Vec<Option<Tensor>> = vec![None; self.layers];
        let mut image = Some(cotangent.clone());
        let mut x = None;
        for (enter, block) in self.blocks.iter().rev() {
            (x, image) = block.vjp(x, image, &mut gradients)?;
            x = x.map(|x| enter.apply(&x)).transpose()?;
        }
        let gradients = gradients.into_iter().collect::<Option<Vec<_>>>();
        match gradients {
            Some(gradients) => Tensor::stack(&gradients, 1),
            None => bail!("synthesis: a layer's style does not reach the image"),
        }
    }
}

impl BlockTape {
    /// From the gradients of the block's map and image to those of the maps and the image below; the styles' are added to `styles`.
    fn vjp(
        &self,
        map: Option<Tensor>,
        image: Option<Tensor>,
        styles: &mut [Option<Tensor>],
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut map = map;
        if let (Some((index, to_rgb)), Some(image)) = (&self.to_rgb, &image) {
            let (gx, gw) = to_rgb.vjp(image)?;
            add(&mut styles[*index], gw)?;
            add(&mut map, gx)?;
        }
        let image = match (self.doubled, image) {
            (Some((doubling, size)), Some(image)) => Some(doubling.vjp(&image, size)?),
            // Nothing below has a toRGB layer.
            (None, _) | (_, None) => None,
        };
        let Some(map) = map else { return Ok((None, image)) };
        let (index, conv1) = &self.conv1;
        let (mut below, gw) = conv1.vjp(&map)?;
        add(&mut styles[*index], gw)?;
        if let Some((index, conv0)) = &self.conv0 {
            let (gx, gw) = conv0.vjp(&below)?;
            add(&mut styles[*index], gw)?;
            below = gx;
        }
        if let Some(skip) = &self.skip {
            below = (below + skip.apply(&map)?)?;
        }
        Ok((Some(below), image))
    }
}

fn add(sum: &mut Option<Tensor>, term: Tensor) -> Result<()> {
    *sum = Some(match sum.take() {
        Some(sum) => (sum + term)?,
        None => term,
    });
    Ok(())
}
