//! What the generator minimises.

use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::softplus;

/// The generator's loss, a function of the scores `f` of its images.
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
}

impl GeneratorLoss {
    /// The loss per sample `[N]` of the scores `[N]` of generated images.
    ///
    /// # Errors
    /// Those of candle's operations.
    pub fn evaluate(&self, fake_scores: &Tensor) -> Result<Tensor> {
        match self {
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
            let found = loss.evaluate(&scores)?.to_vec1::<f64>()?;
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{loss:?}");
        }
        Ok(())
    }
}
