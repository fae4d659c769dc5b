//! The smallest distance between the classes against the largest within one.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::targets::Targets;

/// Extreme distances between the kept samples of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// The smallest distance between samples of different classes.
    pub between: f64,
    /// The largest distance between samples of one class.
    pub within: f64,
}

impl Extremes {
    /// Dunn's index: the smallest distance between classes over the largest within one (Dunn 1974). Above 1, classes are
    /// compact and apart; near 0, they touch, which classes that a plane separates may well do. A diagnostic, no score.
    pub fn ratio(&self) -> f64 {
        self.between / self.within
    }
}

/// The extremes of each attribute over its first `limit` kept samples; `None` where a class has none, or both have one sample each.
///
/// It takes `limit^2 / 2` distances an attribute, each exact: extremes cannot be had from a formula that cancels.
///
/// # Errors
/// Where `x` is no matrix of float32.
pub fn extreme_distances(
    x: &Tensor,
    targets: &Targets,
    limit: usize,
) -> Result<Vec<Option<Extremes>>> {
    let (_, dim) = x.dims2()?;
    let values = x.flatten_all()?.to_vec1::<f32>()?;
    let attributes = targets.attributes();
    let sides = targets.sides();
    let extremes = (0..attributes).into_par_iter().map(|attribute| {
        let kept: Vec<(i8, &[f32])> = sides
            .iter()
            .skip(attribute)
            .step_by(attributes)
            .zip(values.chunks_exact(dim.max(1)))
            .filter(|(side, _)| **side != 0)
            .map(|(&side, sample)| (side, sample))
            .take(limit)
            .collect();
        let (mut between, mut within) = (f32::INFINITY, f32::NEG_INFINITY);
        for (index, (side, a)) in kept.iter().enumerate() {
            for (other, b) in &kept[..index] {
                let distance = squared_distance(a, b);
                if side == other {
                    within = within.max(distance);
                } else {
                    between = between.min(distance);
                }
            }
        }
        (between.is_finite() && within.is_finite()).then(|| Extremes {
            between: f64::from(between).sqrt(),
            within: f64::from(within).sqrt(),
        })
    });
    Ok(extremes.collect())
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0f32; 16];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn by_hand() {
        let x =
            Tensor::new(&[[0f32, 0.0], [0.0, 1.0], [3.0, 0.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let targets = Targets::new(vec![-1, 0, -1, 1, 1, 1, 1, 1], 2);
        let extremes = extreme_distances(&x, &targets, 100).unwrap();
        // Classes {0, 1} and {2, 3}: at least 3 apart, at most 4 wide.
        let first = extremes[0].unwrap();
        assert_eq!((first.between, first.within), (3.0, 4.0));
        assert_eq!(first.ratio(), 0.75);
        assert_eq!(extremes[1], None, "one class only");
    }
}
