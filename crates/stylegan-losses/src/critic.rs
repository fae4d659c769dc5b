//! What the losses know of a discriminator.

use candle_core::{Result, Tensor};

/// What a critic says about a batch.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The scores `[N]`; higher is more real.
    pub scores: Tensor,
    /// A loss `[N]` of the critic's own on these images, real or generated, which it minimises beside the loss of its scores: that of
    /// an auxiliary classifier, for one ([`ClassLoss`](crate::ClassLoss)).
    pub own_loss: Option<Tensor>,
}

impl From<Tensor> for Judgement {
    /// Scores alone.
    fn from(scores: Tensor) -> Self {
        Self { scores, own_loss: None }
    }
}

/// Where images come from. Their scores must not depend on it; a critic's own loss may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the data set.
    Real,
    /// From the generator, or between both.
    Generated,
}

/// A network that scores images, and differentiates its scores.
pub trait Critic {
    /// Judges images `[N, C, H, W]`.
    ///
    /// # Errors
    /// Those of the network.
    fn judge(&self, x: &Tensor, origin: Origin) -> Result<Judgement>;

    /// Judges images, and gives the gradient `[N, C, H, W]` of the scores' sum with respect to them. The gradient is made of
    /// tracked operations on the network's parameters; the images need not be tracked.
    ///
    /// # Errors
    /// Those of the network.
    fn judge_with_gradient(&self, x: &Tensor, origin: Origin) -> Result<(Judgement, Tensor)>;
}
