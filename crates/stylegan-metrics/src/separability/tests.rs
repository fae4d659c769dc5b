//! Closed forms, the conditions of the optimum, and the same bits at any number of threads.

use candle_core::{Device, Tensor};
use proptest::prelude::*;
use stylegan_ops::random::Stream;

use super::*;

fn normal(n: usize, dim: usize, seed: u64) -> Tensor {
    Stream::new(seed, 0, 1).normal((n, dim), &Device::Cpu).unwrap()
}

fn rows(x: &Tensor) -> Vec<Vec<f32>> {
    x.to_vec2().unwrap()
}

/// Sides by the sign of the first component.
fn by_first(x: &Tensor) -> Vec<i8> {
    rows(x).iter().map(|row| if row[0] > 0.0 { 1 } else { -1 }).collect()
}

/// The objective and the squared length of its gradient, sample by sample in float64.
fn exact(x: &Tensor, sides: &[i8], plane: &Separator) -> (f64, f64) {
    let mut gradient: Vec<f64> = plane.weight.clone();
    let mut bias = plane.bias;
    let mut objective =
        0.5 * (plane.weight.iter().map(|w| w * w).sum::<f64>() + plane.bias * plane.bias);
    for (row, &side) in rows(x).iter().zip(sides) {
        let product: f64 =
            row.iter().zip(&plane.weight).map(|(x, w)| f64::from(*x) * w).sum::<f64>() + plane.bias;
        let short = (1.0 - f64::from(side) * product).max(0.0);
        if side != 0 {
            objective += short * short;
            for (g, x) in gradient.iter_mut().zip(row) {
                *g -= 2.0 * f64::from(side) * short * f64::from(*x);
            }
            bias -= 2.0 * f64::from(side) * short;
        }
    }
    (objective, gradient.iter().map(|g| g * g).sum::<f64>() + bias * bias)
}

#[test]
fn separable_data_scores_one_and_its_normal_points_along_the_difference() {
    let x = normal(3000, 8, 1);
    let targets = Targets::new(by_first(&x), 1);
    let found = evaluate(&x, &targets, &SeparabilitySettings::default()).unwrap();
    let attribute = &found.attributes[0];
    // Points arbitrarily close to the plane: a few may fall on its other side.
    assert!(found.score < 1.1, "{}", found.score);
    assert!(attribute.plane.weight[0] > 10.0 * attribute.plane.weight[1].abs());
    // With a gap between the classes, the score is one exactly.
    let apart: Vec<i8> = rows(&x)
        .iter()
        .map(|row| if row[0].abs() < 0.3 { 0 } else { row[0].signum() as i8 })
        .collect();
    let found = evaluate(&x, &Targets::new(apart, 1), &SeparabilitySettings::default()).unwrap();
    assert_eq!(found.score, 1.0);
    assert_eq!((found.interval.low, found.interval.high), (1.0, 1.0));
    assert_eq!(found.attributes[0].table.accuracy(), 1.0);
    assert!(found.discriminant_score.unwrap() < 1.05, "{found:?}");
}

#[test]
fn random_labels_score_two_to_their_entropy() {
    let (n, attributes) = (40_000, 3);
    let x = normal(n, 4, 2);
    let labels = Stream::new(5, 0, 2);
    // Balanced, three in four, and one class only.
    let shares = [0.5, 0.75, 1.0];
    let sides = (0..n * attributes)
        .map(|at| if labels.uniform_at(at as u64) < shares[at % 3] { 1 } else { -1 })
        .collect();
    let targets = Targets::new(sides, attributes);
    let found = evaluate(&x, &targets, &SeparabilitySettings::default()).unwrap();
    // The entropy of the labels as they were drawn, about 1, 0.81 and 0.
    let h = [0, 1, 2].map(|attribute| {
        let share = targets.counts(attribute)[1] as f64 / n as f64;
        [share, 1.0 - share].iter().filter(|p| **p > 0.0).map(|p| -p * p.log2()).sum::<f64>()
    });
    for (attribute, h) in found.attributes.iter().zip(h) {
        let entropy = attribute.table.conditional_entropy();
        assert!((entropy - h).abs() < 1e-3, "{entropy} {h}");
    }
    let expected = h.iter().sum::<f64>().exp2();
    assert!((found.score - expected).abs() < 0.02, "{} {expected}", found.score);
    assert!(found.interval.low < expected + 0.01 && found.interval.high > found.score - 1e-9);
    assert!(found.attributes[2].table.one_class());
    assert_eq!(found.attributes[2].distance_ratio, None);
}

#[test]
fn one_dimension_by_hand() {
    // Two samples at 1 and -1: minimise w^2 / 2 + 2 (1 - w)^2, so w = 4 / 5 and b = 0.
    let x = Tensor::new(&[[1f32], [-1.0]], &Device::Cpu).unwrap();
    let settings = SvmSettings { tolerance: 1e-12, ..SvmSettings::default() };
    let plane = &linear_svm(&x, &Targets::new(vec![1, -1], 1), &settings).unwrap()[0];
    assert!((plane.weight[0] - 0.8).abs() < 1e-6 && plane.bias.abs() < 1e-6, "{plane:?}");
    assert!((plane.objective - (0.32 + 0.08)).abs() < 1e-6, "{plane:?}");
    // Both on one side: minimise w^2 / 2 + b^2 / 2 + (1 - w - b)^2 + (1 + w - b)^2, so w = 0, b = 4 / 5.
    let plane = &linear_svm(&x, &Targets::new(vec![1, 1], 1), &settings).unwrap()[0];
    assert!(plane.weight[0].abs() < 1e-6 && (plane.bias - 0.8).abs() < 1e-6, "{plane:?}");
}

#[test]
fn discriminants_are_those_of_the_closed_form() {
    // Two dimensions, a common scatter that is no multiple of the identity, unequal shares.
    let (n, shares) = (4000, [0.3, 0.7]);
    let noise = rows(&normal(n, 2, 9));
    let sides: Vec<i8> = (0..n).map(|i| if (i % 10) < 3 { -1 } else { 1 }).collect();
    let points: Vec<[f32; 2]> = noise
        .iter()
        .zip(&sides)
        .map(|(e, &side)| [2.0 * e[0] + e[1] + f32::from(side), e[1] - 0.5 * f32::from(side) + 3.0])
        .collect();
    let x = Tensor::new(points.concat(), &Device::Cpu).unwrap().reshape((n, 2)).unwrap();
    let plane = &linear_discriminants(&x, &Targets::new(sides.clone(), 1)).unwrap()[0];
    // By definition, in float64.
    let mean = |side: i8, k: usize| {
        let of = points.iter().zip(&sides).filter(|(_, s)| **s == side);
        let values: Vec<f64> = of.map(|(p, _)| f64::from(p[k])).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let means = [[mean(-1, 0), mean(-1, 1)], [mean(1, 0), mean(1, 1)]];
    let mut s = [[0.0; 2]; 2];
    for (p, &side) in points.iter().zip(&sides) {
        let m = means[usize::from(side > 0)];
        let d = [f64::from(p[0]) - m[0], f64::from(p[1]) - m[1]];
        for i in 0..2 {
            for j in 0..2 {
                s[i][j] += d[i] * d[j] / n as f64;
            }
        }
    }
    let det = s[0][0] * s[1][1] - s[0][1] * s[1][0];
    let d = [means[1][0] - means[0][0], means[1][1] - means[0][1]];
    let w = [(s[1][1] * d[0] - s[0][1] * d[1]) / det, (s[0][0] * d[1] - s[1][0] * d[0]) / det];
    let middle = [(means[0][0] + means[1][0]) / 2.0, (means[0][1] + means[1][1]) / 2.0];
    let b = f64::ln(shares[1] / shares[0]) - w[0] * middle[0] - w[1] * middle[1];
    for (got, expected) in plane.weight.iter().chain([&plane.bias]).zip([w[0], w[1], b]) {
        assert!((got - expected).abs() < 2e-3 * expected.abs().max(0.1), "{plane:?} {w:?} {b}");
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let x = normal(9000, 24, 4);
    let scores: Vec<f32> = normal(9000, 5, 6).flatten_all().unwrap().to_vec1().unwrap();
    let targets = Targets::most_confident(&scores, 5, 4500);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| evaluate(&x, &targets, &SeparabilitySettings::default()).unwrap())
    };
    let one = run(1);
    for threads in [2, 5] {
        let other = run(threads);
        assert_eq!(one.score.to_bits(), other.score.to_bits());
        assert_eq!(one.attributes[3].plane, other.attributes[3].plane);
    }
}

#[test]
fn samples_and_sides_of_unequal_numbers_are_refused() {
    let error = linear_svm(&normal(5, 2, 0), &Targets::new(vec![1; 4], 1), &SvmSettings::default());
    assert!(error.unwrap_err().to_string().contains("5 samples, but sides of 4"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The gap bounds the distance to the optimum, and at the optimum the gradient is zero: checked in float64.
    #[test]
    fn the_gradient_vanishes(
        n in 2usize..400,
        dim in 1usize..12,
        spread in 0.01f32..30.0,
        seed in 0u64..1000,
    ) {
        let x = normal(n, dim, seed).affine(1.0, 0.5).unwrap();
        // One component of another size than the rest.
        let scale: Vec<f32> = (0..dim).map(|i| if i == 0 { spread } else { 1.0 }).collect();
        let x = x.broadcast_mul(&Tensor::from_vec(scale, dim, &Device::Cpu).unwrap()).unwrap();
        let noise = Stream::new(seed, 1, 1);
        let sides: Vec<i8> = rows(&x).iter().enumerate().map(|(i, row)| {
            let kick = noise.uniform_at(i as u64);
            if kick < 0.2 { 0 } else if f64::from(row[0] / spread) - 0.5 + kick > 0.6 { 1 } else { -1 }
        }).collect();
        let settings = SvmSettings { tolerance: 1e-8, ..SvmSettings::default() };
        let plane = &linear_svm(&x, &Targets::new(sides.clone(), 1), &settings).unwrap()[0];
        let (objective, squared) = exact(&x, &sides, plane);
        prop_assert!((plane.objective - objective).abs() <= 1e-4 * objective + 1e-9, "{} {}", plane.objective, objective);
        prop_assert!(0.5 * squared <= 1e-6 * objective + 1e-9, "gap {} of {}", 0.5 * squared, objective);
    }
}
