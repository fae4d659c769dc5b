//! What the discriminator minimises.

use candle_core::{Result, Tensor, bail};

use crate::penalty::{gradient_penalty, interpolate, squared_norms};
use crate::{Critic, Judgement, Origin, softplus};

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
    /// `softplus(f - r)`, each real image against a generated one (Jolicoeur-Martineau 2018; with R1 and R2 it is R3GAN's loss: Huang et al. 2024,
    /// section 2).
    Relativistic,
}

impl DiscriminatorLoss {
    /// WGAN-GP with the official weights: lambda 10, target 1, drift 0.001.
    pub const WGAN_GP: Self = Self::WganGp { lambda: 10.0, target: 1.0, drift: 0.001 };

    /// The loss per sample `[N]` of scores `[N]` of real and generated images, without any penalty on gradients.
    ///
    /// # Errors
    /// Those of candle's operations.
    pub fn of_scores(&self, real: &Tensor, fake: &Tensor) -> Result<Tensor> {
        match self {
            Self::Relativistic => softplus(&(fake - real)?),
            _ => self.of_fake(fake)? + self.of_real(real)?,
        }
    }

    /// Whether the loss compares scores of real and of generated images, and is no sum of a part for each.
    fn compares(&self) -> bool {
        *self == Self::Relativistic
    }

    /// The part of [`of_scores`](Self::of_scores) that scores of real images make `[N]`; none where scores are compared.
    fn of_real(&self, real: &Tensor) -> Result<Tensor> {
        match *self {
            Self::Wgan { drift } | Self::WganGp { drift, .. } => {
                real.sqr()?.affine(drift, 0.0)? - real
            }
            Self::Logistic => softplus(&real.neg()?),
            Self::Relativistic => real.zeros_like(),
            Self::Hinge | Self::HingeGp { .. } => real.affine(-1.0, 1.0)?.relu(),
        }
    }

    /// The part of [`of_scores`](Self::of_scores) that scores of generated images make `[N]`; none where scores are compared.
    fn of_fake(&self, fake: &Tensor) -> Result<Tensor> {
        match *self {
            Self::Wgan { .. } | Self::WganGp { .. } => Ok(fake.clone()),
            Self::Logistic => softplus(fake),
            Self::Relativistic => fake.zeros_like(),
            Self::Hinge | Self::HingeGp { .. } => fake.affine(1.0, 1.0)?.relu(),
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

/// What [`DiscriminatorObjective::evaluate`] found. Scores and penalty are values, without a way back.
#[derive(Debug, Clone)]
pub struct DiscriminatorEvaluation {
    /// The mean loss with the critic's own and all penalties, a scalar; [`evaluate`](DiscriminatorObjective::evaluate)'s is one to call
    /// `backward` on.
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
        let mut terms = Vec::new();
        let mut found = self.evaluate_by_terms(critic, real, fake, alpha, |term| {
            terms.push(term);
            Ok(())
        })?;
        let mut terms = terms.into_iter();
        if let Some(first) = terms.next() {
            found.loss = terms.try_fold(first, |sum, term| sum + term)?;
        }
        Ok(found)
    }

    /// As [`evaluate`](Self::evaluate), but each term of the sum that is the loss (generated images, real images, or both where their scores
    /// are compared, and what is between) is handed over as a scalar before the next is computed. Who calls `backward` on each and adds the
    /// gradients holds the activations of one batch at a time, not of two or three. The `loss` in the result is detached.
    ///
    /// # Errors
    /// Those of the critic and of `visit`, and where shapes do not fit.
    pub fn evaluate_by_terms(
        &self,
        critic: &impl Critic,
        real: &Tensor,
        fake: &Tensor,
        alpha: &Tensor,
        mut visit: impl FnMut(Tensor) -> Result<()>,
    ) -> Result<DiscriminatorEvaluation> {
        if real.dims() != fake.dims() {
            bail!("real images {:?} and generated {:?} differ in shape", real.dims(), fake.dims());
        }
        let (real, fake) = (real.detach(), fake.detach());
        let mut sum = Sum::default();
        let (fakes, r2) = judgement_and_penalty(critic, &fake, Origin::Generated, self.r2_gamma)?;
        let fake_scores = fakes.scores.detach();
        // Scores that are compared need both batches' activations at once; others let go of one batch before the next.
        let compared = if self.loss.compares() {
            Some((fakes, r2))
        } else {
            let loss = self.loss.of_fake(&fakes.scores)?;
            visit(sum.add(Some(with_own(loss, fakes.own_loss)?), r2)?)?;
            None
        };
        let (reals, r1) = judgement_and_penalty(critic, &real, Origin::Real, self.r1_gamma)?;
        let real_scores = reals.scores.detach();
        match compared {
            Some((fakes, r2)) => {
                let loss = self.loss.of_scores(&reals.scores, &fakes.scores)?;
                let loss = with_own(with_own(loss, fakes.own_loss)?, reals.own_loss)?;
                let penalty = match (r1, r2) {
                    (Some(r1), Some(r2)) => Some((r1 + r2)?),
                    (r1, r2) => r1.or(r2),
                };
                visit(sum.add(Some(loss), penalty)?)?;
            }
            None => {
                let loss = self.loss.of_real(&reals.scores)?;
                visit(sum.add(Some(with_own(loss, reals.own_loss)?), r1)?)?;
            }
        }
        if let Some((lambda, target)) = self.loss.gradient_penalty() {
            let between = interpolate(&real, &fake, alpha)?;
            let (_, gradient) = critic.judge_with_gradient(&between, Origin::Generated)?;
            visit(sum.add(None, Some(gradient_penalty(&gradient, lambda, target)?))?)?;
        }
        let penalty = sum.penalty.map_or_else(|| real_scores.zeros_like(), Ok)?;
        let loss = sum.loss.map_or_else(|| real_scores.zeros_like(), Ok)?.mean_all()?;
        Ok(DiscriminatorEvaluation { loss, real_scores, fake_scores, penalty })
    }
}

/// The values so far, per sample and detached.
#[derive(Default)]
struct Sum {
    loss: Option<Tensor>,
    penalty: Option<Tensor>,
}

impl Sum {
    /// Counts a part of the loss and a penalty; their mean over the batch is a term of the objective.
    fn add(&mut self, part: Option<Tensor>, penalty: Option<Tensor>) -> Result<Tensor> {
        accumulate(&mut self.penalty, penalty.as_ref())?;
        let term = match (part, penalty) {
            (Some(part), Some(penalty)) => (part + penalty)?,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => bail!("a term of neither loss nor penalty"),
        };
        accumulate(&mut self.loss, Some(&term))?;
        term.mean_all()
    }
}

fn accumulate(sum: &mut Option<Tensor>, more: Option<&Tensor>) -> Result<()> {
    if let Some(more) = more {
        let more = more.detach();
        *sum = Some(match sum.take() {
            Some(sum) => (sum + more)?,
            None => more,
        });
    }
    Ok(())
}

/// A loss of scores, and the critic's own beside it.
fn with_own(loss: Tensor, own: Option<Tensor>) -> Result<Tensor> {
    match own {
        Some(own) => loss + own,
        None => Ok(loss),
    }
}

/// What the critic says of `images`, and `gamma / 2` of its gradients' squared norms where gamma is not 0.
fn judgement_and_penalty(
    critic: &impl Critic,
    images: &Tensor,
    origin: Origin,
    gamma: f64,
) -> Result<(Judgement, Option<Tensor>)> {
    if gamma == 0.0 {
        return Ok((critic.judge(images, origin)?, None));
    }
    let (found, gradient) = critic.judge_with_gradient(images, origin)?;
    Ok((found, Some(squared_norms(&gradient)?.affine(0.5 * gamma, 0.0)?)))
}

#[cfg(test)]
mod tests;
