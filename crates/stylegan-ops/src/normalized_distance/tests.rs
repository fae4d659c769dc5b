//! Values, gradients, threads.

use candle_core::{DType, Device, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{normalized_distance, reference};

every_form!(a_distance_to_itself_is_zero_and_scale_does_not_count, |form: &Form| {
    let (a, w) = (form.tensor("a", (2, 5, 3, 4)), form.tensor("w", 5).sqr().unwrap());
    let zero = normalized_distance(&a, &(&a * 3.0).unwrap(), &w).unwrap();
    assert_eq!(zero.dims(), [2]);
    let largest = zero.abs().unwrap().max(0).unwrap().to_dtype(DType::F64).unwrap();
    assert!(largest.to_scalar::<f64>().unwrap() < 1e-12);
    // Opposite unit vectors: four times the weighted squares.
    let d = normalized_distance(&a, &a.neg().unwrap(), &w.ones_like().unwrap()).unwrap();
    let four = d.ones_like().unwrap().affine(4.0, 0.0).unwrap();
    let tolerance = Tolerance::new(1e-6, "the constant that keeps norms from 0, and f32 roundings");
    assert_close("opposite", &d, &four, tolerance);
});

#[test]
fn gradients_match_finite_differences() {
    let map = |name: &str| synthetic_f64(name, (2, 3, 2, 2), 0.0, 1.0);
    let w = synthetic_f64("w", 3, 1.0, 0.2);
    let tolerance = Tolerance::FINITE_DIFFERENCE;
    gradcheck(|a| normalized_distance(&a[0], &a[1], &a[2]), &[map("a"), map("b"), w], tolerance);
}

#[test]
fn a_position_without_features_has_a_finite_gradient() {
    let a = Var::zeros((1, 2, 1, 3), DType::F32, &Device::Cpu).unwrap();
    let b = synthetic("b", (1, 2, 1, 3), 0.0, 1.0);
    let w = Tensor::ones(2, DType::F32, &Device::Cpu).unwrap();
    let gradients = normalized_distance(&a, &b, &w).unwrap().backward().unwrap();
    let gradient = gradients.get(&a).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (a, b) =
        (synthetic("a", (3, 20, 17, 33), 0.0, 1.0), synthetic("b", (3, 20, 17, 33), 0.0, 1.0));
    let w = synthetic("w", 20, 1.0, 0.1);
    assert_same_at_any_thread_count("distance", || Ok(vec![normalized_distance(&a, &b, &w)?]));
}

#[test]
fn maps_that_differ_in_shape_are_refused() {
    let (a, b) = (synthetic("a", (1, 2, 3, 3), 0.0, 1.0), synthetic("b", (1, 2, 3, 4), 0.0, 1.0));
    let w = synthetic("w", 2, 1.0, 0.1);
    let error = normalized_distance(&a, &b, &w).unwrap_err().to_string();
    assert!(error.contains("[1, 2, 3, 4]"), "{error}");
    let w = synthetic("w", 3, 1.0, 0.1);
    assert!(normalized_distance(&a, &a, &w).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(n in 1usize..4, c in 1usize..9, h in 1usize..20, w in 1usize..20) {
        let var = |name: &str| Var::from_tensor(&synthetic(name, (n, c, h, w), 0.2, 1.0)).unwrap();
        let (a, b) = (var("a"), var("b"));
        let weight = Var::from_tensor(&synthetic("w", c, 1.0, 0.3)).unwrap();
        let ours = normalized_distance(&a, &b, &weight).unwrap();
        let expected = reference::distance(&a, &b, &weight).unwrap();
        assert_close("forward", &ours, &expected, Tolerance::REDUCTION);
        let g = synthetic("g", n, 0.0, 1.0);
        let gradients = |d: &Tensor| d.mul(&g).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, expected) = (gradients(&ours), gradients(&expected));
        for var in [&a, &b, &weight] {
            // With one channel every feature is 1 or -1, and gradients are rounding.
            if c > 1 {
                let tolerance = Tolerance::new(2e-5, "differences of nearly equal unit vectors");
                assert_close("gradient", ours.get(var).unwrap(), expected.get(var).unwrap(), tolerance);
            }
        }
    }
}
