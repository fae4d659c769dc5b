//! What the losses know of a discriminator.

use candle_core::{Result, Tensor};

/// A network that scores images, and differentiates its scores.
pub trait Critic {
    /// Scores `[N]` of images `[N, C, H, W]`.
    ///
    /// # Errors
    /// Those of the network.
    fn score(&self, x: &Tensor) -> Result<Tensor>;

    /// Scores `[N]`, and the gradient `[N, C, H, W]` of their sum with respect to the images. The gradient is made of
    /// tracked operations on the network's parameters; the images need not be tracked.
    ///
    /// # Errors
    /// Those of the network.
    fn score_with_gradient(&self, x: &Tensor) -> Result<(Tensor, Tensor)>;
}
