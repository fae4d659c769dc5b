//! The loss of an auxiliary classifier.

use candle_core::{Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use crate::softplus;

/// How far a discriminator's guess of the label is from the label: the part of AC-GAN's loss (Odena et al. 2017) that both networks
/// minimise, on real and on generated images. Progressive GAN trains with it where there are labels, with weight 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassLoss {
    /// Cross entropy of a softmax, for classes of which an image has exactly one.
    #[default]
    Softmax,
    /// The sum of each label's own cross entropy, for attributes of which an image has any number.
    Sigmoid,
}

impl ClassLoss {
    /// The loss per sample `[N]` of logits and labels `[N, label_dim]`, in nats.
    ///
    /// # Errors
    /// Where the shapes differ, and those of candle's operations.
    pub fn evaluate(self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        if logits.dims() != labels.dims() {
            bail!("logits {:?} and labels {:?} differ in shape", logits.dims(), labels.dims());
        }
        let chosen = (logits * labels)?.sum(1)?;
        match self {
            // log(sum(exp)) - chosen, for labels that add up to 1.
            Self::Softmax => logits.log_sum_exp(1)? - chosen,
            // softplus(x) - x * label is -log(sigmoid(x)) for label 1 and -log(1 - sigmoid(x)) for 0.
            Self::Sigmoid => softplus(logits)?.sum(1)? - chosen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use stylegan_testkit::{Tolerance, gradcheck};

    fn evaluate<const N: usize, const M: usize>(
        loss: ClassLoss,
        logits: &[[f64; 3]; N],
        labels: &[[f64; 3]; M],
    ) -> Result<Vec<f64>> {
        let (logits, labels) =
            (Tensor::new(logits, &Device::Cpu)?, Tensor::new(labels, &Device::Cpu)?);
        loss.evaluate(&logits, &labels)?.to_vec1()
    }

    #[test]
    fn hand_worked_values() -> Result<()> {
        let third = evaluate(ClassLoss::Softmax, &[[0.0; 3]], &[[0.0, 1.0, 0.0]])?;
        assert!((third[0] - 3f64.ln()).abs() < 1e-12);
        let sure =
            evaluate(ClassLoss::Softmax, &[[0.0, 1e3, 0.0]; 2], &[[0., 1., 0.], [1., 0., 0.]])?;
        assert!(sure[0].abs() < 1e-12 && (sure[1] - 1e3).abs() < 1e-9, "{sure:?}");
        let guess = evaluate(ClassLoss::Sigmoid, &[[0.0; 3]], &[[1.0, 1.0, 0.0]])?;
        assert!((guess[0] - 3.0 * 2f64.ln()).abs() < 1e-12);
        let sure =
            evaluate(ClassLoss::Sigmoid, &[[1e3, 1e3, -1e3]; 2], &[[1., 1., 0.], [1., 0., 0.]])?;
        assert!(sure[0].abs() < 1e-12 && (sure[1] - 1e3).abs() < 1e-9, "{sure:?}");
        Ok(())
    }

    #[test]
    fn gradients_match_finite_differences() -> Result<()> {
        let logits = Tensor::new(&[[0.3, -1.2, 2.0], [0.0, 0.5, -0.7]], &Device::Cpu)?;
        let labels = Tensor::new(&[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], &Device::Cpu)?;
        for loss in [ClassLoss::Softmax, ClassLoss::Sigmoid] {
            let of = |x: &[Tensor]| loss.evaluate(&x[0], &labels);
            gradcheck(of, std::slice::from_ref(&logits), Tolerance::FINITE_DIFFERENCE);
        }
        Ok(())
    }

    #[test]
    fn shapes_must_agree() {
        let found = evaluate(ClassLoss::Softmax, &[[0.0; 3]; 2], &[[0.0; 3]]);
        assert!(found.is_err_and(|error| error.to_string().contains("[2, 3] and labels [1, 3]")));
    }
}
