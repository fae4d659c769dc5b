//! AlexNet as torchvision has it (Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks").

use candle_core::Tensor;
use stylegan_ops::{Window, max_pool2d};

use crate::layer::{Conv, add};
use crate::weights::Shapes;
use crate::{FeatureError, Weights};

/// A convolution `features.{index}`.
struct Row {
    index: usize,
    /// Outputs, inputs, kernel.
    shape: [usize; 3],
    /// Stride and padding.
    steps: (usize, usize),
    /// Whether pooling comes before it.
    pooled: bool,
}

const CONVOLUTIONS: [Row; 5] = [
    Row { index: 0, shape: [64, 3, 11], steps: (4, 2), pooled: false },
    Row { index: 3, shape: [192, 64, 5], steps: (1, 2), pooled: true },
    Row { index: 6, shape: [384, 192, 3], steps: (1, 1), pooled: true },
    Row { index: 8, shape: [256, 384, 3], steps: (1, 1), pooled: false },
    Row { index: 10, shape: [256, 256, 3], steps: (1, 1), pooled: false },
];

/// The convolutions of AlexNet.
#[derive(Debug, Clone)]
pub(crate) struct Trunk {
    convolutions: Vec<Conv>,
}

impl Trunk {
    pub(crate) fn shapes() -> Shapes {
        let mut shapes = Shapes::new();
        for Row { index, shape: [outputs, inputs, kernel], .. } in CONVOLUTIONS {
            add(&mut shapes, &format!("features.{index}"), &[outputs, inputs, kernel, kernel]);
        }
        shapes
    }

    pub(crate) fn new(weights: &Weights) -> Result<Self, FeatureError> {
        let convolutions = CONVOLUTIONS
            .iter()
            .map(|row| {
                let name = format!("features.{}", row.index);
                Conv::new(weights, "AlexNet", &name, row.shape, row.steps)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { convolutions })
    }

    /// The activations after each convolution's ReLU, of normalised images.
    pub(crate) fn taps(&self, x: &Tensor) -> Result<Vec<Tensor>, FeatureError> {
        let mut x = x.clone();
        let mut taps = Vec::with_capacity(CONVOLUTIONS.len());
        for (conv, row) in self.convolutions.iter().zip(&CONVOLUTIONS) {
            if row.pooled {
                x = max_pool2d(&x, Window::new(3, 2))?;
            }
            x = conv.forward(&x)?;
            taps.push(x.clone());
        }
        Ok(taps)
    }
}
