//! The Inception network that FID was defined with: Inception-v3 (Szegedy et al. 2016) as TensorFlow published it on 2015-12-05, in its PyTorch port.
//!
//! It is not torchvision's network: the weights are others, means of windows at the border leave out what lies outside, and the last block pools by the
//! maximum.

mod blocks;
mod table;

pub use table::CONVOLUTIONS;

use candle_core::{D, Tensor};
use stylegan_ops::{Window, linear, max_pool2d};

use crate::weights::Shapes;
use crate::{FeatureError, Sampling, Weights, input, resize};
use blocks::{Block, Unit};

pub(crate) const NAME: &str = "FID's Inception network";

/// Classes that its last layer knows.
const CLASSES: usize = 1008;

/// Side of its input.
const SIZE: usize = 299;

/// The network. Batch normalisation is part of its convolutions' weights here.
#[derive(Debug, Clone)]
pub struct Inception {
    /// Up to the second pooling: 192 channels.
    stem: [Unit; 5],
    blocks: Vec<Block>,
    /// [1008, 2048]
    classes: Tensor,
    sampling: Sampling,
}

impl Inception {
    /// Numbers of a feature vector.
    pub const DIMS: usize = 2048;

    /// Names and shapes of all tensors, as the PyTorch port has them.
    pub fn shapes() -> Shapes {
        let mut shapes = Shapes::new();
        for (name, shape) in table::CONVOLUTIONS {
            shapes.insert(format!("{name}.conv.weight"), shape.to_vec());
            for what in ["weight", "bias", "running_mean", "running_var"] {
                shapes.insert(format!("{name}.bn.{what}"), vec![shape[0]]);
            }
        }
        shapes.insert("fc.weight".to_owned(), vec![CLASSES, Self::DIMS]);
        shapes.insert("fc.bias".to_owned(), vec![CLASSES]);
        shapes
    }

    /// Takes all tensors of `pt_inception-2015-12-05`. `sampling` is how images are resized: between centres as the PyTorch ports do, or as TensorFlow 1 did.
    ///
    /// # Errors
    /// [`FeatureError::Mismatch`] with everything that is missing, unexpected or of another shape.
    pub fn new(weights: &Weights, sampling: Sampling) -> Result<Self, FeatureError> {
        let counter = |name: &str| name.ends_with("num_batches_tracked");
        weights.require(NAME, &Self::shapes(), counter)?;
        let unit = |name: &str, stride, padding| Unit::new(weights, name, stride, padding);
        let stem = [
            unit("Conv2d_1a_3x3", 2, 0)?,
            unit("Conv2d_2a_3x3", 1, 0)?,
            unit("Conv2d_2b_3x3", 1, 1)?,
            unit("Conv2d_3b_1x1", 1, 0)?,
            unit("Conv2d_4a_3x3", 1, 0)?,
        ];
        let blocks = blocks::all(weights)?;
        let classes = weights.get(NAME, "fc.weight", &[CLASSES, Self::DIMS])?;
        Ok(Self { stem, blocks, classes, sampling })
    }

    /// Images [N, 3, H, W] in [-1, 1], clamped and resized to 299x299 -> features [N, 2048]: the means of the last block's maps.
    ///
    /// # Errors
    /// [`FeatureError::Input`] if they are no images, or smaller than 32x32.
    pub fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        input(NAME, images, None)?;
        let images = images.to_device(self.classes.device())?.clamp(-1f32, 1f32)?;
        let mut x = resize(&images, (SIZE, SIZE), self.sampling)?;
        for (index, unit) in self.stem.iter().enumerate() {
            // 147 -> 73 before the fourth convolution.
            if index == 3 {
                x = max_pool2d(&x, Window::new(3, 2))?;
            }
            x = unit.forward(&x)?;
        }
        x = max_pool2d(&x, Window::new(3, 2))?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        Ok(x.mean((D::Minus2, D::Minus1))?)
    }

    /// Features [N, 2048] -> probabilities of the classes [N, 1008], without the last layer's bias, as the inception score has them.
    ///
    /// # Errors
    /// If the features are not [N, 2048].
    pub fn probabilities(&self, features: &Tensor) -> Result<Tensor, FeatureError> {
        let logits = linear(&features.to_device(self.classes.device())?, &self.classes, 1.0)?;
        let largest = logits.max_keepdim(1)?;
        let powers = logits.broadcast_sub(&largest)?.exp()?;
        Ok(powers.broadcast_div(&powers.sum_keepdim(1)?)?)
    }
}
