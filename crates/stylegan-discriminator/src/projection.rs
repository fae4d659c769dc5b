//! A projection of an image's features on its label (Miyato and Koyama 2018, equation 3).

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{Equalized, EqualizedLinear};

/// The features are the last layer's outputs but the first, which is a score of the image alone; what is added to it is their inner product with a
/// linear embedding of the label, over the root of their number. Parameters: `weight`, `bias`.
#[derive(Debug, Clone)]
pub(crate) struct Projection {
    embedding: EqualizedLinear,
    width: usize,
}

impl Projection {
    /// For labels of `label_dim` components and features of `width`.
    pub(crate) fn new(label_dim: usize, width: usize, vb: VarBuilder) -> Result<Self> {
        let embedding = EqualizedLinear::new(label_dim, width, Equalized::PLAIN, None, vb)?;
        Ok(Self { embedding, width })
    }

    /// What the outputs `[N, 1 + width]` are multiplied with before they are summed to scores, for labels `[N, label_dim]`.
    pub(crate) fn directions(&self, labels: &Tensor) -> Result<Tensor> {
        let embedded = self.embedding.forward(labels)?;
        let embedded = embedded.affine(1.0 / (self.width as f64).sqrt(), 0.0)?;
        let one = Tensor::ones((labels.dim(0)?, 1), embedded.dtype(), embedded.device())?;
        Tensor::cat(&[&one, &embedded], 1)
    }
}
