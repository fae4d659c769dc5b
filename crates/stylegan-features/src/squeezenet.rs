//! SqueezeNet 1.1 (Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters").

use candle_core::Tensor;
use stylegan_ops::{Window, max_pool2d};

use crate::layer::{Conv, add};
use crate::weights::Shapes;
use crate::{FeatureError, Weights};

/// A fire module `features.{index}`.
struct Row {
    index: usize,
    inputs: usize,
    squeezed: usize,
    /// Outputs of either expanding convolution.
    expanded: usize,
    /// Whether pooling comes before it.
    pooled: bool,
    /// Whether its output is looked at.
    tap: bool,
}

impl Row {
    const fn new(index: usize, inputs: usize, squeezed: usize, expanded: usize) -> Self {
        Self { index, inputs, squeezed, expanded, pooled: false, tap: false }
    }

    const fn pooled(self) -> Self {
        Self { pooled: true, ..self }
    }

    const fn tap(self) -> Self {
        Self { tap: true, ..self }
    }
}

const FIRE: [Row; 8] = [
    Row::new(3, 64, 16, 64).pooled(),
    Row::new(4, 128, 16, 64).tap(),
    Row::new(6, 128, 32, 128).pooled(),
    Row::new(7, 256, 32, 128).tap(),
    Row::new(9, 256, 48, 192).pooled().tap(),
    Row::new(10, 384, 48, 192).tap(),
    Row::new(11, 384, 64, 256).tap(),
    Row::new(12, 512, 64, 256).tap(),
];

const NAME: &str = "SqueezeNet 1.1";

/// A fire module: few channels by 1x1 kernels, then many by 1x1 and by 3x3 kernels side by side.
#[derive(Debug, Clone)]
struct Fire {
    squeeze: Conv,
    expand: [Conv; 2],
}

impl Fire {
    fn new(weights: &Weights, row: &Row) -> Result<Self, FeatureError> {
        let conv = |part: &str, outputs, inputs, kernel| {
            let name = format!("features.{}.{part}", row.index);
            Conv::new(weights, NAME, &name, [outputs, inputs, kernel], (1, kernel / 2))
        };
        Ok(Self {
            squeeze: conv("squeeze", row.squeezed, row.inputs, 1)?,
            expand: [
                conv("expand1x1", row.expanded, row.squeezed, 1)?,
                conv("expand3x3", row.expanded, row.squeezed, 3)?,
            ],
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let x = self.squeeze.forward(x)?;
        Tensor::cat(&[self.expand[0].forward(&x)?, self.expand[1].forward(&x)?], 1)
    }
}

/// The convolutions of SqueezeNet.
#[derive(Debug, Clone)]
pub(crate) struct Trunk {
    first: Conv,
    fire: Vec<Fire>,
}

impl Trunk {
    pub(crate) fn shapes() -> Shapes {
        let mut shapes = Shapes::new();
        add(&mut shapes, "features.0", &[64, 3, 3, 3]);
        for Row { index, inputs, squeezed, expanded, .. } in FIRE {
            let name = format!("features.{index}");
            add(&mut shapes, &format!("{name}.squeeze"), &[squeezed, inputs, 1, 1]);
            add(&mut shapes, &format!("{name}.expand1x1"), &[expanded, squeezed, 1, 1]);
            add(&mut shapes, &format!("{name}.expand3x3"), &[expanded, squeezed, 3, 3]);
        }
        shapes
    }

    pub(crate) fn new(weights: &Weights) -> Result<Self, FeatureError> {
        Ok(Self {
            first: Conv::new(weights, NAME, "features.0", [64, 3, 3], (2, 0))?,
            fire: FIRE.iter().map(|row| Fire::new(weights, row)).collect::<Result<_, _>>()?,
        })
    }

    /// The seven activations that LPIPS looks at, of normalised images.
    pub(crate) fn taps(&self, x: &Tensor) -> Result<Vec<Tensor>, FeatureError> {
        let mut x = self.first.forward(x)?;
        let mut taps = vec![x.clone()];
        for (fire, row) in self.fire.iter().zip(&FIRE) {
            if row.pooled {
                x = max_pool2d(&x, Window::new(3, 2).cut_off())?;
            }
            x = fire.forward(&x)?;
            if row.tap {
                taps.push(x.clone());
            }
        }
        Ok(taps)
    }
}
