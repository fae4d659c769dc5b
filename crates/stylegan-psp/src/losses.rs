//! What an encoder is trained with.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::PspError;
use crate::identity::face_region;

/// Something that says how far apart images are: LPIPS, or what stands for it.
pub trait ImageDistance {
    /// Images `[N, C, H, W]` in [-1, 1], twice, to distances `[N]`, differentiable in both.
    ///
    /// # Errors
    /// Images that it cannot take.
    fn distance(&self, a: &Tensor, b: &Tensor) -> Result<Tensor>;
}

impl<F: Fn(&Tensor, &Tensor) -> Result<Tensor>> ImageDistance for F {
    fn distance(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self(a, b)
    }
}

/// Something that makes features of images: an identity network, or one that was trained without labels (MoCo).
pub trait ImageFeatures {
    /// Images `[N, C, H, W]` in [-1, 1] to features of unit length `[N, D]`, differentiable.
    ///
    /// # Errors
    /// Images that it cannot take.
    fn features(&self, images: &Tensor) -> Result<Tensor>;
}

impl<F: Fn(&Tensor) -> Result<Tensor>> ImageFeatures for F {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self(images)
    }
}

/// Weights of the losses' terms; 0 leaves one out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// Mean squared difference of pixels (1).
    pub l2: f64,
    /// Perceptual distance (0.8).
    pub lpips: f64,
    /// One minus the cosine of the identity network's embeddings (0).
    pub identity: f64,
    /// Distance of the codes from the average latent (0).
    pub w_norm: f64,
    /// As `l2`, of the face's region alone (0).
    pub l2_crop: f64,
    /// As `lpips`, of the face's region alone (0).
    pub lpips_crop: f64,
    /// One minus the cosine of features that know no identity, for images other than faces (0). Not together with `identity`.
    pub moco: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            l2: 1.0,
            lpips: 0.8,
            identity: 0.0,
            w_norm: 0.0,
            l2_crop: 0.0,
            lpips_crop: 0.0,
            moco: 0.0,
        }
    }
}

impl LossWeights {
    /// Weights by name.
    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("l2", self.l2),
            ("lpips", self.lpips),
            ("identity", self.identity),
            ("w_norm", self.w_norm),
            ("l2_crop", self.l2_crop),
            ("lpips_crop", self.lpips_crop),
            ("moco", self.moco),
        ]
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// A weight that is negative or not a number, all weights 0, or identity and features together.
    pub fn validate(&self) -> std::result::Result<(), PspError> {
        let fault = |reason: String| Err(PspError::Losses { reason });
        for (name, weight) in self.named() {
            if !(weight >= 0.0 && weight.is_finite()) {
                return fault(format!("the weight of {name} must be 0 or more, not {weight}"));
            }
        }
        if self.identity > 0.0 && self.moco > 0.0 {
            return fault("identity and moco exclude each other: set one of them to 0".into());
        }
        if self.named().iter().all(|(_, weight)| *weight == 0.0) {
            return fault("all weights are 0".into());
        }
        Ok(())
    }

    /// Whether a perceptual distance is needed.
    pub fn needs_distance(&self) -> bool {
        self.lpips > 0.0 || self.lpips_crop > 0.0
    }
}

/// The networks that judge.
#[derive(Clone, Copy, Default)]
pub struct Judges<'a> {
    /// For `lpips` and `lpips_crop`.
    pub distance: Option<&'a dyn ImageDistance>,
    /// For `identity`.
    pub identity: Option<&'a dyn ImageFeatures>,
    /// For `moco`.
    pub moco: Option<&'a dyn ImageFeatures>,
}

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The decoder's images `[N, C, H, W]`.
    pub output: &'a Tensor,
    /// What they should be, of the same shape.
    pub target: &'a Tensor,
    /// The codes `[N, styles, w_dim]`.
    pub codes: &'a Tensor,
    /// The average latent `[styles, w_dim]`; zeros if `None`.
    pub average: Option<&'a Tensor>,
}

/// A loss and its terms.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The weighted sum, a scalar to go backward from.
    pub total: Tensor,
    /// Every term that has a weight, before it is weighted.
    pub terms: BTreeMap<&'static str, f64>,
}

impl LossWeights {
    /// The loss (Richardson et al. 2021, section 3.2, equations 1 to 5), a mean over the batch.
    ///
    /// # Errors
    /// [`PspError::Losses`] where a term has a weight and no judge; those of the judges.
    pub fn evaluate(&self, judges: Judges, judged: Judged) -> std::result::Result<Loss, PspError> {
        let Judged { output, target, .. } = judged;
        let mut total: Option<Tensor> = None;
        let mut terms = BTreeMap::new();
        for (name, weight) in self.named() {
            if weight == 0.0 {
                continue;
            }
            let missing = |what: &str| PspError::Losses {
                reason: format!("{name} has the weight {weight}, but there is no {what}"),
            };
            let term = match name {
                "l2" => squared(output, target)?,
                "l2_crop" => squared(&face_region(output)?, &face_region(target)?)?,
                "lpips" | "lpips_crop" => {
                    let judge = judges.distance.ok_or_else(|| missing("perceptual distance"))?;
                    let distances = if name == "lpips" {
                        judge.distance(output, target)?
                    } else {
                        judge.distance(&face_region(output)?, &face_region(target)?)?
                    };
                    distances.mean_all()?
                }
                "identity" => {
                    let judge = judges.identity.ok_or_else(|| missing("identity network"))?;
                    unlike(judge, output, target)?
                }
                "moco" => {
                    let judge = judges.moco.ok_or_else(|| missing("feature network"))?;
                    unlike(judge, output, target)?
                }
                _ => w_norm(judged.codes, judged.average)?,
            };
            let value = term.detach().to_dtype(DType::F64)?.to_scalar::<f64>()?;
            terms.insert(name, value);
            let weighted = term.affine(weight, 0.0)?;
            total = Some(match total {
                Some(sum) => (sum + weighted)?,
                None => weighted,
            });
        }
        let total = total.ok_or(PspError::Losses { reason: "all weights are 0".into() })?;
        Ok(Loss { total, terms })
    }
}

fn squared(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    (a - b)?.sqr()?.mean_all()
}

/// One minus the cosine of the features; the target's are constants.
fn unlike(judge: &dyn ImageFeatures, output: &Tensor, target: &Tensor) -> Result<Tensor> {
    let target = judge.features(&target.detach())?.detach();
    let cosine = (judge.features(output)? * target)?.sum(1)?;
    cosine.mean_all()?.affine(-1.0, 1.0)
}

/// The mean over the batch of the Euclidean distance of an image's codes, all styles together, from the average.
pub fn w_norm(codes: &Tensor, average: Option<&Tensor>) -> Result<Tensor> {
    let offsets = match average {
        Some(average) => codes.broadcast_sub(average)?,
        None => codes.clone(),
    };
    // The root of zero has no gradient.
    (offsets.sqr()?.flatten_from(1)?.sum(1)? + 1e-12)?.sqrt()?.mean_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use stylegan_testkit::{Tolerance, gradcheck, synthetic, synthetic_f64};

    fn judged<'a>(output: &'a Tensor, target: &'a Tensor, codes: &'a Tensor) -> Judged<'a> {
        Judged { output, target, codes, average: None }
    }

    #[test]
    fn terms_add_up_with_their_weights() {
        let (a, b) =
            (synthetic("a", (2, 3, 16, 16), 0.0, 1.0), synthetic("b", (2, 3, 16, 16), 0.0, 1.0));
        let codes = synthetic("codes", (2, 4, 8), 0.0, 1.0);
        let distance = |a: &Tensor, b: &Tensor| (a - b)?.abs()?.flatten_from(1)?.mean(1);
        let features = |x: &Tensor| crate::unit_length(&x.flatten_from(1)?);
        let judges = Judges { distance: Some(&distance), identity: Some(&features), moco: None };
        let weights = LossWeights {
            l2: 0.5,
            identity: 2.0,
            w_norm: 0.1,
            l2_crop: 3.0,
            lpips_crop: 1.0,
            ..LossWeights::default()
        };
        let loss = weights.evaluate(judges, judged(&a, &b, &codes)).unwrap();
        let expected: f64 = weights
            .named()
            .iter()
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(name, weight)| weight * loss.terms[name])
            .sum();
        let total = f64::from(loss.total.to_scalar::<f32>().unwrap());
        assert!((total - expected).abs() < 1e-5 * expected, "{total} {expected}");
        assert_eq!(loss.terms.len(), 6);
    }

    #[test]
    fn equal_images_with_average_codes_cost_nothing() {
        let a = synthetic("a", (2, 3, 16, 16), 0.0, 1.0);
        let average = synthetic("average", (4, 8), 0.0, 1.0);
        let codes = average.unsqueeze(0).unwrap().repeat((2, 1, 1)).unwrap();
        let features = |x: &Tensor| crate::unit_length(&x.flatten_from(1)?);
        let judges = Judges { moco: Some(&features), ..Judges::default() };
        let weights = LossWeights { lpips: 0.0, moco: 1.0, w_norm: 1.0, ..LossWeights::default() };
        let judged = Judged { average: Some(&average), ..judged(&a, &a, &codes) };
        let loss = weights.evaluate(judges, judged).unwrap();
        assert!(loss.total.to_scalar::<f32>().unwrap().abs() < 1e-5);
    }

    #[test]
    fn the_w_norm_is_that_of_all_styles_together() -> Result<()> {
        // Images of offsets 3 and 4 in two styles: distance 5; and of none: 0.
        let codes =
            Tensor::new(&[[[4f32, 1.0], [1.0, 5.0]], [[1.0, 1.0], [1.0, 1.0]]], &Device::Cpu)?;
        let average = Tensor::ones((2, 2), DType::F32, &Device::Cpu)?;
        assert!((w_norm(&codes, Some(&average))?.to_scalar::<f32>()? - 2.5).abs() < 1e-5);
        Ok(())
    }

    #[test]
    fn gradients_match_finite_differences() {
        let codes = synthetic_f64("codes", (2, 2, 3), 0.5, 1.0);
        gradcheck(|a| w_norm(&a[0], None), &[codes], Tolerance::FINITE_DIFFERENCE);
    }

    #[test]
    fn the_gradient_of_codes_at_the_average_is_finite() -> Result<()> {
        let codes = Var::zeros((1, 2, 3), DType::F32, &Device::Cpu)?;
        let store = w_norm(&codes, None)?.backward()?;
        let gradient = store.get(&codes).unwrap().flatten_all()?.to_vec1::<f32>()?;
        assert!(gradient.iter().all(|g| g.is_finite()));
        Ok(())
    }

    #[test]
    fn what_cannot_be_is_named() {
        let refused = |weights: LossWeights| weights.validate().unwrap_err().to_string();
        let weights = LossWeights { identity: 0.1, moco: 0.5, ..LossWeights::default() };
        assert!(refused(weights).contains("exclude each other"));
        assert!(refused(LossWeights { l2: f64::NAN, ..LossWeights::default() }).contains("l2"));
        assert!(
            refused(LossWeights { l2: 0.0, lpips: 0.0, ..LossWeights::default() }).contains("all")
        );
        let a = synthetic("a", (1, 3, 8, 8), 0.0, 1.0);
        let codes = synthetic("c", (1, 2, 3), 0.0, 1.0);
        let error = LossWeights::default().evaluate(Judges::default(), judged(&a, &a, &codes));
        assert!(error.unwrap_err().to_string().contains("lpips has the weight 0.8"));
    }
}
