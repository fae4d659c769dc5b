//! Precision and recall of sets that can be looked through.

use candle_core::{Device, Tensor};
use stylegan_ops::random::Stream;

use crate::{Features, MetricError, Silent, precision_recall};

fn line(values: impl Iterator<Item = f32>) -> Features {
    let values: Vec<f32> = values.collect();
    let count = values.len();
    Features::from_tensor(&Tensor::from_vec(values, (count, 1), &Device::Cpu).unwrap()).unwrap()
}

#[test]
fn sets_apart_have_none_and_equal_sets_all() {
    let (a, b) = (line((0..20).map(|i| i as f32)), line((0..20).map(|i| i as f32 + 1000.0)));
    let apart = precision_recall(&a, &b, 3, 0, &Silent).unwrap();
    assert_eq!((apart.precision, apart.recall), (0.0, 0.0));
    let same = precision_recall(&a, &a, 3, 0, &Silent).unwrap();
    assert_eq!((same.precision, same.recall), (1.0, 1.0));
    assert_eq!(same.precision_interval.unwrap().low, 1.0);
}

#[test]
fn a_part_of_the_real_set_has_precision_one_and_its_share_of_recall() {
    // Real: two clusters; generated: the first alone.
    let real = line((0..10).map(|i| i as f32).chain((0..10).map(|i| i as f32 + 500.0)));
    let generated = line((0..10).map(|i| i as f32 + 0.25));
    let both = precision_recall(&real, &generated, 3, 0, &Silent).unwrap();
    assert_eq!((both.precision, both.recall), (1.0, 0.5));
}

#[test]
fn blocks_change_nothing() {
    // More rows than a block; against a plain double loop.
    let rows = |step| Stream::new(1, step, 0).normal((1300, 3), &Device::Cpu).unwrap();
    let (a, b) = (rows(1), rows(2).affine(1.3, 0.2).unwrap());
    let features = |rows: &Tensor| Features::from_tensor(rows).unwrap();
    let ours = precision_recall(&features(&a), &features(&b), 3, 0, &Silent).unwrap();
    let (a, b) = (a.to_vec2::<f32>().unwrap(), b.to_vec2::<f32>().unwrap());
    let distance = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum()
    };
    let share = |manifold: &[Vec<f32>], samples: &[Vec<f32>]| {
        let radii: Vec<f64> = manifold
            .iter()
            .map(|x| {
                let mut all: Vec<f64> = manifold.iter().map(|y| distance(x, y)).collect();
                all.sort_by(f64::total_cmp);
                all[3]
            })
            .collect();
        let inside = samples
            .iter()
            .filter(|x| manifold.iter().zip(&radii).any(|(y, radius)| distance(x, y) <= *radius));
        inside.count() as f64 / samples.len() as f64
    };
    // A sample on the edge of a ball may fall to either side.
    assert!((ours.precision - share(&a, &b)).abs() <= 1.0 / 1300.0);
    assert!((ours.recall - share(&b, &a)).abs() <= 1.0 / 1300.0);
}

#[test]
fn too_few_samples_are_refused() {
    let few = line([0.0, 1.0, 2.0].into_iter());
    let error = precision_recall(&few, &few, 3, 0, &Silent).unwrap_err();
    assert!(matches!(error, MetricError::TooFew { needed: 4, found: 3, .. }), "{error}");
}
