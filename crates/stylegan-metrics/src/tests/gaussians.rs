//! Distances of known distributions.

use candle_core::{DType, Device, Tensor};
use stylegan_ops::random::Stream;
use stylegan_testkit::assert_same_at_any_thread_count;

use crate::{
    Divisor, Features, Gaussian, Silent, frechet_distance, frechet_interval, inception_score,
    kernel_distance, kernel_distance_of_subsets, trace_of_root,
};

fn normal(count: usize, dims: usize, step: u64) -> Tensor {
    Stream::new(3, step, 0).normal((count, dims), &Device::Cpu).unwrap()
}

fn features(tensor: &Tensor) -> Features {
    Features::from_tensor(tensor).unwrap()
}

fn at(matrix: &Tensor, row: usize, column: usize) -> f64 {
    matrix.get(row).unwrap().get(column).unwrap().to_scalar().unwrap()
}

fn close(got: f64, expected: f64, relative: f64) {
    assert!((got - expected).abs() <= relative * expected.abs(), "{got} is not {expected}");
}

#[test]
fn gaussians_whose_covariances_commute_have_a_known_distance() {
    // N(m1, diag(a^2)) and N(m2, diag(b^2)): |m1 - m2|^2 + sum (a - b)^2, in any basis.
    let dims = 24;
    // A product of reflections is a basis.
    let basis = (0..4).fold(Tensor::eye(dims, DType::F64, &Device::Cpu).unwrap(), |basis, step| {
        let v = normal(dims, 1, step).to_dtype(DType::F64).unwrap();
        let length = v.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let outer = v.matmul(&v.t().unwrap()).unwrap().affine(-2.0 / length, 0.0).unwrap();
        (&basis + basis.matmul(&outer).unwrap()).unwrap()
    });
    let deviation = |i: usize, of: usize| 0.5 + ((i * 7 + of * 3) % 11) as f64 / 4.0;
    let covariance = |of: usize| {
        let scales: Vec<f64> = (0..dims).map(|i| deviation(i, of)).collect();
        let scaled = basis.broadcast_mul(&Tensor::new(scales, &Device::Cpu).unwrap()).unwrap();
        scaled.matmul(&scaled.t().unwrap()).unwrap()
    };
    let gaussian = |of: usize| {
        let mean = (0..dims).map(|i| (i * of) as f64 / 10.0).collect();
        Gaussian::new(mean, covariance(of), 100)
    };
    let distance = frechet_distance(&gaussian(1), &gaussian(2)).unwrap();
    let means: f64 = (0..dims).map(|i| (i as f64 / 10.0).powi(2)).sum();
    let spread: f64 = (0..dims).map(|i| (deviation(i, 1) - deviation(i, 2)).powi(2)).sum();
    close(distance.means, means, 1e-12);
    close(distance.covariances, spread, 1e-9);
    let itself = frechet_distance(&gaussian(1), &gaussian(1)).unwrap().value();
    assert!(itself.abs() < 1e-9, "{itself}");
}

#[test]
fn fewer_samples_than_features_still_have_a_root() {
    // Covariances of rank 9 in 32 dimensions: the root's trace of A A is the trace of A.
    let gaussian = Gaussian::of(&features(&normal(10, 32, 2)), Divisor::Count).unwrap();
    let trace: f64 = (0..32).map(|i| at(&gaussian.covariance, i, i)).sum();
    let root = trace_of_root(&gaussian.covariance, &gaussian.covariance).unwrap();
    close(root, trace, 1e-6);
}

#[test]
fn moments_are_those_of_the_rows_and_the_divisor_is_the_protocols() {
    let rows = Tensor::new(&[[1f32, 2.], [3., 6.], [5., 4.]], &Device::Cpu).unwrap();
    let unbiased = Gaussian::of(&features(&rows), Divisor::Unbiased).unwrap();
    assert_eq!(unbiased.mean, [3.0, 4.0]);
    close(at(&unbiased.covariance, 0, 0), 4.0, 1e-12);
    close(at(&unbiased.covariance, 0, 1), 2.0, 1e-12);
    let by_count = Gaussian::of(&features(&rows), Divisor::Count).unwrap();
    close(at(&by_count.covariance, 0, 0), 8.0 / 3.0, 1e-12);
}

#[test]
fn the_interval_of_a_distance_holds_it_and_shrinks_with_samples() {
    let real = Gaussian::of(&features(&normal(3000, 8, 3)), Divisor::Unbiased).unwrap();
    let width = |count: usize| {
        let generated = features(&normal(count, 8, 4).affine(1.0, 0.3).unwrap());
        let gaussian = Gaussian::of(&generated, Divisor::Unbiased).unwrap();
        let value = frechet_distance(&real, &gaussian).unwrap().value();
        let interval = frechet_interval(&real, &gaussian, &generated, value, 5, &Silent);
        let interval = interval.unwrap().unwrap();
        assert!(interval.low < value && value < interval.high, "{interval:?} {value}");
        interval.high - interval.low
    };
    // The distance of the means is sqrt(8) * 0.3; its square's standard error about 2 * 0.3 * sqrt(8 / n).
    let (few, many) = (width(500), width(4500));
    assert!((2.0..4.5).contains(&(few / many)), "{few} {many}");
    assert!((few - 3.92 * 2.0 * 0.3 * (8.0f64 / 500.0).sqrt()).abs() < 0.1, "{few}");
}

#[test]
fn kid_of_halves_of_one_set_is_around_zero_and_of_shifted_sets_is_not() {
    let (a, b) = (features(&normal(700, 16, 5)), features(&normal(700, 16, 6)));
    let far = features(&normal(700, 16, 6).affine(1.0, 0.5).unwrap());
    let (near, apart) = (kernel_distance(&a, &b).unwrap(), kernel_distance(&a, &far).unwrap());
    assert!(near.abs() < 0.02 && apart > 0.3, "{near} {apart}");
    // Unbiased: over many halves the mean is zero, and some are negative.
    let values: Vec<f64> = (0..40)
        .map(|step| {
            let both = normal(120, 16, 100 + step);
            let halves = (both.narrow(0, 0, 60).unwrap(), both.narrow(0, 60, 60).unwrap());
            kernel_distance(&features(&halves.0), &features(&halves.1)).unwrap()
        })
        .collect();
    let mean = values.iter().sum::<f64>() / 40.0;
    let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 39.0).sqrt();
    assert!(mean.abs() < 3.0 * spread / 40f64.sqrt(), "{mean} {spread}");
    assert!(values.iter().any(|value| *value < 0.0));
}

#[test]
fn kid_by_hand() {
    // Kernel (x y + 1)^3 in one dimension; pairs: 1*2 -> 27, 0*3 -> 1, cross sums 1, 64, 1, 343.
    let a = features(&Tensor::new(&[[1f32], [2.0]], &Device::Cpu).unwrap());
    let b = features(&Tensor::new(&[[0f32], [3.0]], &Device::Cpu).unwrap());
    close(kernel_distance(&a, &b).unwrap(), 27.0 + 1.0 - 2.0 * 409.0 / 4.0, 1e-6);
}

#[test]
fn subsets_of_everything_are_everything() {
    let (a, b) = (features(&normal(50, 8, 7)), features(&normal(50, 8, 8)));
    let subsets = kernel_distance_of_subsets(&a, &b, 3, 1000, 1, &Silent).unwrap();
    assert_eq!(subsets.subset, 50);
    assert!((subsets.value - kernel_distance(&a, &b).unwrap()).abs() < 1e-6);
}

#[test]
fn the_inception_score_is_one_of_equal_and_the_number_of_classes_of_certain_images() {
    let rows = Tensor::eye(4, candle_core::DType::F32, &Device::Cpu).unwrap();
    let certain = features(&rows.repeat((10, 1)).unwrap());
    let all = |rows: &Tensor| Ok(rows.clone());
    let score = inception_score(&certain, 10, 0, &all, &Silent).unwrap();
    close(score.value, 4.0, 1e-6);
    assert!(score.deviation < 1e-6);
    let equal = |rows: &Tensor| Ok(rows.ones_like()?.affine(0.25, 0.0)?);
    close(inception_score(&certain, 10, 0, &equal, &Silent).unwrap().value, 1.0, 1e-6);
    assert!(inception_score(&certain, 41, 0, &all, &Silent).is_err());
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (a, b) = (normal(300, 96, 9), normal(300, 96, 10));
    assert_same_at_any_thread_count("distances", || {
        let gaussian = |rows: &Tensor| Gaussian::of(&features(rows), Divisor::Unbiased).unwrap();
        let frechet = frechet_distance(&gaussian(&a), &gaussian(&b)).unwrap().value();
        let kernel = kernel_distance(&features(&a), &features(&b)).unwrap();
        Ok(vec![Tensor::new(&[frechet, kernel], &Device::Cpu)?])
    });
}
