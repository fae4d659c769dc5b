//! The losses on a critic whose gradients are known in closed form.

use candle_core::{DType, Device, Tensor};
use stylegan_testkit::{Tolerance, assert_close, gradcheck, synthetic_f64};

use super::*;
use crate::ClassLoss;

/// `score(x) = sum_i (a_i x_i^2 / 2 + b_i x_i)`, whose gradient is `a x + b`.
struct Quadratic {
    a: Tensor,
    b: Tensor,
}

impl Quadratic {
    fn new(parameters: &[Tensor]) -> Self {
        Self { a: parameters[0].clone(), b: parameters[1].clone() }
    }
}

impl Critic for Quadratic {
    fn judge(&self, x: &Tensor, _: Origin) -> Result<Judgement> {
        let flat = x.flatten_from(1)?;
        let quadratic = flat.sqr()?.broadcast_mul(&self.a)?.affine(0.5, 0.0)?;
        Ok((quadratic + flat.broadcast_mul(&self.b)?)?.sum(1)?.into())
    }

    fn judge_with_gradient(&self, x: &Tensor, _: Origin) -> Result<(Judgement, Tensor)> {
        let gradient = x.flatten_from(1)?.broadcast_mul(&self.a)?.broadcast_add(&self.b)?;
        Ok((self.judge(x, Origin::Real)?, gradient.reshape(x.shape())?))
    }
}

/// A critic that must not be differentiated.
struct ScoresOnly(Quadratic);

impl Critic for ScoresOnly {
    fn judge(&self, x: &Tensor, _: Origin) -> Result<Judgement> {
        self.0.judge(x, Origin::Real)
    }

    fn judge_with_gradient(&self, _: &Tensor, _: Origin) -> Result<(Judgement, Tensor)> {
        bail!("not asked for")
    }
}

fn parameters() -> Vec<Tensor> {
    vec![synthetic_f64("a", 12, 0.2, 0.3), synthetic_f64("b", 12, 0.0, 0.5)]
}

fn images() -> (Tensor, Tensor, Tensor) {
    let real = synthetic_f64("real", (3, 1, 3, 4), 0.1, 0.6);
    let fake = synthetic_f64("fake", (3, 1, 3, 4), -0.2, 0.5);
    (real, fake, synthetic_f64("alpha", 3, 0.5, 0.2))
}

const LOSSES: [DiscriminatorLoss; 6] = [
    DiscriminatorLoss::Wgan { drift: 0.001 },
    DiscriminatorLoss::WGAN_GP,
    DiscriminatorLoss::Logistic,
    DiscriminatorLoss::Hinge,
    DiscriminatorLoss::HingeGp { lambda: 10.0, target: 0.75 },
    DiscriminatorLoss::Relativistic,
];

#[test]
fn gradients_match_finite_differences_in_every_loss() {
    let (real, fake, alpha) = images();
    for loss in LOSSES {
        for (r1_gamma, r2_gamma) in [(0.0, 0.0), (10.0, 0.0), (3.0, 5.0)] {
            let objective = DiscriminatorObjective { loss, r1_gamma, r2_gamma };
            let evaluate = |p: &[Tensor]| {
                Ok(objective.evaluate(&Quadratic::new(p), &real, &fake, &alpha)?.loss)
            };
            gradcheck(evaluate, &parameters(), Tolerance::FINITE_DIFFERENCE);
        }
    }
}

#[test]
fn penalties_have_their_closed_form() -> Result<()> {
    let (real, fake, alpha) = images();
    let critic = Quadratic::new(&parameters());
    let norms = |x: &Tensor| -> Result<Tensor> {
        let gradient = x.flatten_from(1)?.broadcast_mul(&critic.a)?.broadcast_add(&critic.b)?;
        gradient.sqr()?.sum(1)
    };
    let both =
        DiscriminatorObjective { loss: DiscriminatorLoss::Logistic, r1_gamma: 10.0, r2_gamma: 4.0 };
    let found = both.evaluate(&critic, &real, &fake, &alpha)?;
    let expected = ((norms(&real)? * 5.0)? + (norms(&fake)? * 2.0)?)?;
    assert_close("R1 and R2", &found.penalty, &expected, Tolerance::DOUBLE);
    let plain = both.loss.of_scores(&found.real_scores, &found.fake_scores)?;
    assert_close("loss", &found.loss, &(plain + expected)?.mean_all()?, Tolerance::DOUBLE);

    let loss = DiscriminatorLoss::WGAN_GP;
    let wgan = DiscriminatorObjective { loss, r1_gamma: 0.0, r2_gamma: 0.0 };
    let found = wgan.evaluate(&critic, &real, &fake, &alpha)?;
    let column = alpha.reshape((3, 1, 1, 1))?;
    let between =
        (fake.broadcast_mul(&column)? + real.broadcast_mul(&column.affine(-1.0, 1.0)?)?)?;
    let expected = ((norms(&between)?.sqrt()? - 1.0)?.sqr()? * 10.0)?;
    assert_close("gradient penalty", &found.penalty, &expected, Tolerance::DOUBLE);
    Ok(())
}

#[test]
fn scores_have_known_losses() -> Result<()> {
    let real = Tensor::new(&[0.0, 2.0], &Device::Cpu)?;
    let fake = Tensor::new(&[-1.0, 0.5], &Device::Cpu)?;
    let plus = |x: f64| x.exp().ln_1p();
    for (loss, expected) in [
        (LOSSES[0], [-1.0, -1.5 + 0.004]),
        (LOSSES[2], [plus(-1.0) + plus(0.0), plus(0.5) + plus(-2.0)]),
        (LOSSES[3], [1.0, 1.5]),
        (LOSSES[5], [plus(-1.0), plus(-1.5)]),
    ] {
        let found = loss.of_scores(&real, &fake)?.to_vec1::<f64>()?;
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{loss:?}");
    }
    Ok(())
}

#[test]
fn without_penalties_no_gradient_is_asked_for() -> Result<()> {
    let (real, fake, alpha) = images();
    let critic = ScoresOnly(Quadratic::new(&parameters()));
    let mut objective =
        DiscriminatorObjective { loss: DiscriminatorLoss::Logistic, r1_gamma: 0.0, r2_gamma: 0.0 };
    let found = objective.evaluate(&critic, &real, &fake, &alpha)?;
    assert_eq!(found.penalty.to_vec1::<f64>()?, [0.0; 3]);
    objective.r1_gamma = 1.0;
    assert!(objective.evaluate(&critic, &real, &fake, &alpha).is_err());
    Ok(())
}

#[test]
fn no_gradient_flows_into_the_images() -> Result<()> {
    let (real, fake, alpha) = images();
    let fake = candle_core::Var::from_tensor(&fake)?;
    let b = candle_core::Var::from_tensor(&parameters()[1])?;
    let critic = Quadratic { a: parameters()[0].clone(), b: b.as_tensor().clone() };
    let objective =
        DiscriminatorObjective { loss: DiscriminatorLoss::WGAN_GP, r1_gamma: 1.0, r2_gamma: 1.0 };
    let gradients = objective.evaluate(&critic, &real, &fake, &alpha)?.loss.backward()?;
    assert!(gradients.get(&fake).is_none());
    assert!(gradients.get(&b).is_some());
    Ok(())
}

#[test]
fn shapes_must_agree() -> Result<()> {
    let (real, _, alpha) = images();
    let fake = Tensor::zeros((2, 1, 3, 4), DType::F64, &Device::Cpu)?;
    let objective =
        DiscriminatorObjective { loss: DiscriminatorLoss::Logistic, r1_gamma: 0.0, r2_gamma: 0.0 };
    let critic = Quadratic::new(&parameters());
    assert!(objective.evaluate(&critic, &real, &fake, &alpha).is_err());
    Ok(())
}

/// Scores, and a guess of labels that are known for real images only.
struct Classifier {
    scores: Quadratic,
    labels: Tensor,
}

impl Critic for Classifier {
    fn judge(&self, x: &Tensor, origin: Origin) -> Result<Judgement> {
        let logits = x.flatten_from(1)?.broadcast_mul(&self.scores.b)?.narrow(1, 0, 2)?;
        let own_loss = match origin {
            Origin::Real => Some(ClassLoss::Sigmoid.evaluate(&logits, &self.labels)?),
            Origin::Generated => None,
        };
        Ok(Judgement { own_loss, ..self.scores.judge(x, origin)? })
    }

    fn judge_with_gradient(&self, x: &Tensor, origin: Origin) -> Result<(Judgement, Tensor)> {
        let (_, gradient) = self.scores.judge_with_gradient(x, origin)?;
        Ok((self.judge(x, origin)?, gradient))
    }
}

#[test]
fn a_critics_own_loss_is_part_of_the_sum_and_not_of_the_penalty() -> Result<()> {
    let (real, fake, alpha) = images();
    let labels = Tensor::new(&[[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], &Device::Cpu)?;
    let objective =
        DiscriminatorObjective { loss: DiscriminatorLoss::Logistic, r1_gamma: 3.0, r2_gamma: 0.0 };
    let critic = |p: &[Tensor]| Classifier { scores: Quadratic::new(p), labels: labels.clone() };
    let with = objective.evaluate(&critic(&parameters()), &real, &fake, &alpha)?;
    let without = objective.evaluate(&Quadratic::new(&parameters()), &real, &fake, &alpha)?;
    let judgement = critic(&parameters()).judge(&real, Origin::Real)?;
    let own = judgement.own_loss.map(|own| own.mean_all()?.to_scalar::<f64>()).transpose()?;
    let more = with.loss.to_scalar::<f64>()? - without.loss.to_scalar::<f64>()?;
    assert!(own.is_some_and(|own| own > 0.1 && (more - own).abs() < 1e-12), "{own:?} {more}");
    assert_close("penalty", &with.penalty, &without.penalty, Tolerance::EXACT);
    let evaluate = |p: &[Tensor]| Ok(objective.evaluate(&critic(p), &real, &fake, &alpha)?.loss);
    gradcheck(evaluate, &parameters(), Tolerance::FINITE_DIFFERENCE);
    Ok(())
}
