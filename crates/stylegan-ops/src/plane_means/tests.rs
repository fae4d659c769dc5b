//! Values, gradients, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Tolerance, assert_close, assert_same_at_any_thread_count, gradcheck, synthetic, synthetic_f64,
};

use super::{plane_means, reference};

/// Output and gradient.
fn all(
    f: impl Fn(&Tensor) -> Result<Tensor>,
    shape: (usize, usize, usize, usize),
    dtype: DType,
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", shape, 0.5, 1.0).to_dtype(dtype)?)?;
    let y = f(&x)?;
    let g = synthetic("g", y.shape().clone(), 0.0, 1.0).to_dtype(dtype)?;
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    Ok(vec![y, grads.get(&x).expect("a gradient").clone()])
}

#[test]
fn gradients_match_finite_differences() {
    let x = synthetic_f64("x", (2, 3, 2, 4), 0.5, 1.0);
    gradcheck(|a| plane_means(&a[0]), &[x], Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn large_planes_lose_nothing() -> Result<()> {
    let x = synthetic("x", (1, 2, 301, 257), 0.0, 2.0);
    let expected = reference::plane_means(&x.to_dtype(DType::F64)?)?;
    let tolerance = Tolerance::new(2e-6, "terms of both signs cancel to a small mean");
    assert_close("means", &plane_means(&x)?, &expected, tolerance);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    assert_same_at_any_thread_count("means", || all(plane_means, (3, 70, 33, 41), DType::F32));
}

#[test]
fn wrong_arguments_are_refused() {
    assert!(plane_means(&synthetic("x", (2, 3), 0.0, 1.0)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_equals_the_reference(n in 1usize..4, c in 1usize..6, h in 1usize..14, w in 1usize..40) {
        let ours = all(plane_means, (n, c, h, w), DType::F32).unwrap();
        let expected = all(reference::plane_means, (n, c, h, w), DType::F64).unwrap();
        for (ours, expected) in ours.iter().zip(&expected) {
            assert_close("means", ours, expected, Tolerance::REDUCTION);
        }
    }
}
