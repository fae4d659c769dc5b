//! VGG16 (Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", configuration D).

use candle_core::{Device, Tensor};
use stylegan_ops::{Window, max_pool2d};

use crate::layer::{Conv, Dense, add};
use crate::weights::Shapes;
use crate::{FeatureError, Weights, input};

/// Index, outputs and inputs of VGG16's 3x3 convolutions, by their names in torchvision: `features.{index}`.
pub const CONVOLUTIONS: [(usize, usize, usize); 13] = [
    (0, 64, 3),
    (2, 64, 64),
    (5, 128, 64),
    (7, 128, 128),
    (10, 256, 128),
    (12, 256, 256),
    (14, 256, 256),
    (17, 512, 256),
    (19, 512, 512),
    (21, 512, 512),
    (24, 512, 512),
    (26, 512, 512),
    (28, 512, 512),
];

/// Convolutions per block; each block but the first begins with pooling.
const BLOCKS: [usize; 5] = [2, 2, 3, 3, 3];

/// Index, outputs and inputs of the dense layers: `classifier.{index}`.
const DENSE: [(usize, usize, usize); 3] = [(0, 4096, 25088), (3, 4096, 4096), (6, 1000, 4096)];

/// Means and standard deviations of ImageNet's images, for values in [0, 1].
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

const NAME: &str = "VGG16";

/// The convolutions of VGG16.
#[derive(Debug, Clone)]
pub(crate) struct Trunk {
    blocks: Vec<Vec<Conv>>,
}

impl Trunk {
    pub(crate) fn shapes() -> Shapes {
        let mut shapes = Shapes::new();
        for (index, outputs, inputs) in CONVOLUTIONS {
            add(&mut shapes, &format!("features.{index}"), &[outputs, inputs, 3, 3]);
        }
        shapes
    }

    pub(crate) fn new(weights: &Weights) -> Result<Self, FeatureError> {
        let mut convolutions = CONVOLUTIONS.iter();
        let blocks = BLOCKS
            .iter()
            .map(|&count| {
                convolutions
                    .by_ref()
                    .take(count)
                    .map(|&(index, outputs, inputs)| {
                        let name = format!("features.{index}");
                        Conv::new(weights, NAME, &name, [outputs, inputs, 3], (1, 1))
                    })
                    .collect()
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { blocks })
    }

    /// The activations relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3 of normalised images.
    pub(crate) fn taps(&self, x: &Tensor) -> Result<Vec<Tensor>, FeatureError> {
        let mut x = x.clone();
        let mut taps = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 {
                x = max_pool2d(&x, Window::new(2, 2))?;
            }
            for conv in block {
                x = conv.forward(&x)?;
            }
            taps.push(x.clone());
        }
        Ok(taps)
    }
}

/// VGG16 with its dense layers: what precision and recall look with.
#[derive(Debug, Clone)]
pub struct Vgg16 {
    device: Device,
    trunk: Trunk,
    dense: [Dense; 2],
}

impl Vgg16 {
    /// Numbers of a feature vector.
    pub const DIMS: usize = 4096;

    /// Names and shapes of all tensors, as torchvision has them.
    pub fn shapes() -> Shapes {
        let mut shapes = Trunk::shapes();
        for (index, outputs, inputs) in DENSE {
            add(&mut shapes, &format!("classifier.{index}"), &[outputs, inputs]);
        }
        shapes
    }

    /// Takes all tensors of torchvision's `vgg16`.
    ///
    /// # Errors
    /// [`FeatureError::Mismatch`] with everything that is missing, unexpected or of another shape.
    pub fn new(weights: &Weights) -> Result<Self, FeatureError> {
        weights.require(NAME, &Self::shapes(), |_| false)?;
        let dense = |(index, outputs, inputs): (usize, usize, usize)| {
            Dense::new(weights, NAME, &format!("classifier.{index}"), [outputs, inputs])
        };
        let (device, trunk) = (weights.device(), Trunk::new(weights)?);
        Ok(Self { device, trunk, dense: [dense(DENSE[0])?, dense(DENSE[1])?] })
    }

    /// Images [N, 3, 224, 224] in [-1, 1] -> features [N, 4096]: the second dense layer after its ReLU.
    ///
    /// # Errors
    /// [`FeatureError::Input`] for images of another size: [`crate::resize`] makes them fit.
    pub fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        input(NAME, images, Some(224))?;
        let images = images.to_device(&self.device)?.affine(0.5, 0.5)?;
        let images = crate::normalise(&images, MEAN, DEVIATION)?;
        let mut taps = self.trunk.taps(&images)?;
        let Some(last) = taps.pop() else { return Ok(images) };
        let pooled = max_pool2d(&last, Window::new(2, 2))?.flatten_from(1)?;
        let hidden = self.dense[0].forward(&pooled, true)?;
        Ok(self.dense[1].forward(&hidden, true)?)
    }
}
