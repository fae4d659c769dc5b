//! What a step does to the images that the discriminator sees.

use candle_core::{Result, Tensor};
use stylegan_augment::{AdaPipeline, Augmentation, DiffAugment};
use stylegan_ops::random::Stream;

/// The augmentation of a step, its numbers not drawn yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Augment {
    /// None: the images as they are.
    #[default]
    None,
    /// The pipeline of adaptive discriminator augmentation.
    Ada {
        /// Its groups of transformations.
        pipeline: AdaPipeline,
        /// The probability of each transformation.
        p: f64,
    },
    /// DiffAugment.
    Diff(DiffAugment),
}

impl Augment {
    /// Draws for images `[N, C, H, W]`.
    ///
    /// # Errors
    /// For a tensor of another rank.
    pub fn draw(&self, images: &Tensor, stream: Stream) -> Result<Augmentation> {
        let shape = images.dims4()?;
        match self {
            Self::None => Ok(Augmentation::none()),
            Self::Ada { pipeline, p } => pipeline.draw(*p, shape, stream),
            Self::Diff(how) => how.draw(shape, stream),
        }
    }
}
