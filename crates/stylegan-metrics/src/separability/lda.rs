//! Linear discriminants: a second linear separator, by the classes' means and their common scatter.

use candle_core::{Result, Tensor};

use super::cholesky::dot;
use super::conjugate::{Accuracy, Equation, Experience, Systems};
use super::passes::{Samples, sums};
use super::svm::Separator;
use super::targets::Targets;

/// How exactly the fit is solved.
const ACCURACY: Accuracy = Accuracy { tolerance: 1e-6, limit: 200 };

/// Fisher's linear discriminant of each attribute, with the threshold that is best for two normal distributions of one covariance
/// (Hastie et al. 2009, section 4.3): the plane of scikit-learn's `LinearDiscriminantAnalysis`, `x` `[n, dim]` float32.
///
/// The normal solves `S w = m+ - m-` with the scatter S within the classes. It is parallel to the least-squares fit of the two sides, which
/// is computed by the same conjugate gradients as the support vector machines; so no attribute needs a scatter matrix of its own. The
/// least-squares fit has a penalty of half the squared normal, against a sum over all kept samples: it is felt only in directions
/// without variance, where it stands in for a pseudo-inverse. [`Separator::objective`] and gap are not set (NaN): there is none.
///
/// An attribute whose kept samples are of one class gets a zero normal, and the bias of that class.
///
/// # Errors
/// Where `x` is no matrix of float32 on the CPU.
pub fn linear_discriminants(x: &Tensor, targets: &Targets) -> Result<Vec<Separator>> {
    let (n, dim) = x.dims2()?;
    if targets.samples() != n {
        candle_core::bail!("{n} samples, but sides of {}", targets.samples());
    }
    let x = x.contiguous()?;
    let count = targets.attributes();
    // The sums of both sides: sum of (y x, y), and of (|y| x, |y|).
    let by_side = |of: fn(i8) -> f32| {
        sums(&x, count, |range| Ok(targets.block(&range).iter().map(|&side| of(side)).collect()))
    };
    let signed = by_side(f32::from)?;
    let kept = by_side(|side| f32::from(side.abs()))?;
    let equations: Vec<Equation> = (0..count)
        .map(|attribute| {
            let used = targets.kept(attribute).map(|(row, _)| row).collect();
            Equation { right: signed.row(attribute).to_vec(), used }
        })
        .collect();
    let mut experience: Vec<Experience> = (0..count).map(|_| Experience::default()).collect();
    let fits = Samples::with(&x, |samples| {
        let mut experience: Vec<_> = experience.iter_mut().collect();
        Systems::new(samples, 1.0)?.solve(&equations, &mut experience, ACCURACY)
    })?;
    let separators = (0..count).map(|attribute| {
        let (signed, kept) = (signed.row(attribute), kept.row(attribute));
        let (samples, difference) = (kept[dim], signed[dim]);
        let shares =
            [(samples - difference) / 2.0 / samples, (samples + difference) / 2.0 / samples];
        let mut separator = Separator {
            weight: vec![0.0; dim],
            bias: if difference >= 0.0 { 1.0 } else { -1.0 },
            objective: f64::NAN,
            gap: f64::NAN,
            steps: experience[attribute].products,
        };
        let [negative, positive] = shares;
        if !(negative > 0.0 && positive > 0.0) {
            return separator;
        }
        let mean = |sign: f64, share: f64| -> Vec<f64> {
            let sums = kept.iter().zip(signed).take(dim);
            sums.map(|(all, signed)| (all + sign * signed) / (2.0 * share * samples)).collect()
        };
        let (low, high) = (mean(-1.0, negative), mean(1.0, positive));
        let between: Vec<f64> = high.iter().zip(&low).map(|(high, low)| high - low).collect();
        // The right side is 2 n p q (m+ - m-) about the means, the matrix twice the total scatter: with the scatter as a mean, the
        // fit is p q times what the scatter's inverse makes of the difference.
        let scale = 1.0 / (negative * positive);
        let mut weight: Vec<f64> =
            fits[attribute][..dim].iter().map(|value| value * scale).collect();
        // From the total to the scatter within classes: the rank-one formula of Sherman and Morrison.
        let within = 1.0 / (1.0 - negative * positive * dot(&weight, &between)).max(f64::EPSILON);
        weight.iter_mut().for_each(|value| *value *= within);
        let middle: f64 =
            weight.iter().zip(high.iter().zip(&low)).map(|(w, (a, b))| w * (a + b)).sum();
        separator.bias = (positive / negative).ln() - middle / 2.0;
        separator.weight = weight;
        separator
    });
    Ok(separators.collect())
}
