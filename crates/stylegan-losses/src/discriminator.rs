//! What the discriminator minimises.

use candle_core::{Result, Tensor, bail};

use crate::penalty::{gradient_penalty, interpolate, squared_norms};
use crate::{Critic, softplus};

/// The discriminator's loss, without R1 and R2.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum DiscriminatorLoss {
    /// `f - r + drift * r^2`.
    Wgan {
        /// Weight of the squared score of real images (0.001).
        drift: f64,
    },
    /// [`Wgan`](Self::Wgan) with a penalty on the gradient's norm between real and generated images.
    WganGp {
        /// Weight of the penalty (10).
        lambda: f64,
        /// Norm that the gradient shall have (1).
        target: f64,
        /// Weight of the squared score of real images (0.001).
        drift: f64,
    },
    /// `softplus(f) + softplus(-r)`.
    #[default]
    Logistic,
    /// `relu(1 + f) + relu(1 - r)`.
    Hinge,
    /// [`Hinge`](Self::Hinge) with the penalty of [`WganGp`](Self::WganGp).
    HingeGp {
        /// Weight of the penalty (10).
        lambda: f64,
        /// Norm that the gradient shall have (1).
        target: f64,
    },
}

impl DiscriminatorLoss {
    /// WGAN-GP with the official weights: lambda 10, target 1, drift 0.001.
    pub const WGAN_GP: Self = Self::WganGp { lambda: 10.0, target: 1.0, drift: 0.001 };

    /// The loss per sample `[N]` of scores `[N]` of real and generated images, without any penalty on gradients.
    ///
    /// # Errors
    /// Those of candle's operations.
    pub fn of_scores(&self, real: &Tensor, fake: &Tensor) -> Result<Tensor> {
        match *self {
            Self::Wgan { drift } | Self::WganGp { drift, .. } => {
                (fake - real)? + real.sqr()?.affine(drift, 0.0)?
            }
            Self::Logistic => softplus(fake)? + softplus(&real.neg()?)?,
            Self::Hinge | Self::HingeGp { .. } => {
                fake.affine(1.0, 1.0)?.relu()? + real.affine(-1.0, 1.0)?.relu()?
            }
        }
    }

    /// Weight and target of the gradient penalty, if there is one.
    fn gradient_penalty(&self) -> Option<(f64, f64)> {
        match *self {
            Self::WganGp { lambda, target, .. } | Self::HingeGp { lambda, target } => {
                (lambda != 0.0).then_some((lambda, target))
            }
            _ => None,
        }
    }
}

/// A discriminator's loss with all its penalties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscriminatorObjective {
    /// The loss of the scores, and its own gradient penalty.
    pub loss: DiscriminatorLoss,
    /// Weight of R1, `gamma / 2 * |d score / d image|^2` at real images. 0 for none, and at no cost.
    pub r1_gamma: f64,
    /// Weight of R2, the same at generated images. 0 for none, and at no cost.
    pub r2_gamma: f64,
}

/// What [`DiscriminatorObjective::evaluate`] found.
#[derive(Debug, Clone)]
pub struct DiscriminatorEvaluation {
    /// The mean loss with all penalties, a scalar to call `backward` on.
    pub loss: Tensor,
    /// Scores of the real images `[N]`.
    pub real_scores: Tensor,
    /// Scores of the generated images `[N]`.
    pub fake_scores: Tensor,
    /// The penalties on gradients, weighted and summed, per sample `[N]`; zeros where there are none.
    pub penalty: Tensor,
}

impl DiscriminatorObjective {
    /// Evaluates the objective on real and generated images `[N, C, H, W]`. `alpha` `[N]`, uniform in [0, 1), places the
    /// images of the gradient penalty; it is not looked at without one. No gradient flows into the images.
    ///
    /// # Errors
    /// Those of the critic, and where shapes do not fit.
    pub fn evaluate(
        &self,
        critic: &impl Critic,
        real: &Tensor,
        fake: &Tensor,
        alpha: &Tensor,
    ) -> Result<DiscriminatorEvaluation> {
        if real.dims() != fake.dims() {
            bail!("real images {:?} and generated {:?} differ in shape", real.dims(), fake.dims());
        }
        let (real, fake) = (real.detach(), fake.detach());
        let (fake_scores, r2) = scores_and_penalty(critic, &fake, self.r2_gamma)?;
        let (real_scores, r1) = scores_and_penalty(critic, &real, self.r1_gamma)?;
        let mut penalty = real_scores.zeros_like()?;
        for term in [r1, r2].into_iter().flatten() {
            penalty = (penalty + term)?;
        }
        if let Some((lambda, target)) = self.loss.gradient_penalty() {
            let between = interpolate(&real, &fake, alpha)?;
            let (_, gradient) = critic.score_with_gradient(&between)?;
            penalty = (penalty + gradient_penalty(&gradient, lambda, target)?)?;
        }
        let loss = self.loss.of_scores(&real_scores, &fake_scores)?;
        let loss = (loss + &penalty)?.mean_all()?;
        Ok(DiscriminatorEvaluation { loss, real_scores, fake_scores, penalty })
    }
}

/// The scores of `images`, and `gamma / 2` of their gradients' squared norms where gamma is not 0.
fn scores_and_penalty(
    critic: &impl Critic,
    images: &Tensor,
    gamma: f64,
) -> Result<(Tensor, Option<Tensor>)> {
    if gamma == 0.0 {
        return Ok((critic.score(images)?, None));
    }
    let (scores, gradient) = critic.score_with_gradient(images)?;
    Ok((scores, Some(squared_norms(&gradient)?.affine(0.5 * gamma, 0.0)?)))
}

#[cfg(test)]
mod tests;
