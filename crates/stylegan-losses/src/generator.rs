//! What the generator minimises.

use candle_core::{Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use crate::softplus;

/// The generator's loss, a function of the scores `f` of its images, and in one case of the scores `r` of real ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorLoss {
    /// `-f` (Arjovsky et al. 2017).
    Wgan,
    /// `-softplus(f)`: the zero-sum game of Goodfellow et al. 2014, section 3.
    Saturating,
    /// `softplus(-f)`: their remedy for its vanishing gradients. StyleGAN's choice for FFHQ.
    #[default]
    NonSaturating,
    /// `-f`, the counterpart of the discriminator's hinge.
    Hinge,
    /// `softplus(r - f)`, each generated image against a real one (Jolicoeur-Martineau 2018; R3GAN: Huang et al. 2024, section 2):
    /// the counterpart of the discriminator's relativistic loss.
    Relativistic,
}

impl GeneratorLoss {
    /// Whether scores of real images are looked at.
    pub fn looks_at_reals(&self) -> bool {
        *self == Self::Relativistic
    }

    /// The loss per sample `[N]` of the scores `[N]` of generated images, and of as many real ones where the loss
    /// [looks at them](Self::looks_at_reals).
    ///
    /// # Errors
    /// Where scores of real images are missing, and those of candle's operations.
    pub fn evaluate(&self, fake_scores: &Tensor, real_scores: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::Relativistic => match real_scores {
                Some(real_scores) => softplus(&(real_scores - fake_scores)?),
                None => bail!("a relativistic loss needs the scores of real images"),
            },
            Self::Wgan | Self::Hinge => fake_scores.neg(),
            Self::Saturating => softplus(fake_scores)?.neg(),
            Self::NonSaturating => softplus(&fake_scores.neg()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn known_values() -> Result<()> {
        let scores = Tensor::new(&[0.0, 1.0], &Device::Cpu)?;
        let plus = 1.3132616875182228;
        for (loss, expected) in [
            (GeneratorLoss::Wgan, [0.0, -1.0]),
            (GeneratorLoss::Hinge, [0.0, -1.0]),
            (GeneratorLoss::Saturating, [-2f64.ln(), -plus]),
            (GeneratorLoss::NonSaturating, [2f64.ln(), plus - 1.0]),
        ] {
            let found = loss.evaluate(&scores, None)?.to_vec1::<f64>()?;
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{loss:?}");
        }
        let reals = Tensor::new(&[1.0, 1.0], &Device::Cpu)?;
        let found = GeneratorLoss::Relativistic.evaluate(&scores, Some(&reals))?;
        let expected = [plus, 2f64.ln()];
        let found = found.to_vec1::<f64>()?;
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert!(GeneratorLoss::Relativistic.evaluate(&scores, None).is_err());
        Ok(())
    }
}
