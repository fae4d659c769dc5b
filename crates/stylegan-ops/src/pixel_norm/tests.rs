//! Values, gradients, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{pixel_norm, reference};

const EPS: f64 = 1e-8;

every_form!(every_feature_vector_has_unit_mean_square, |form: &Form| {
    for x in [form.tensor("x", (3, 7)), form.tensor("x", (2, 5, 4, 3))] {
        let y = pixel_norm(&x, 0.0).unwrap().sqr().unwrap().mean(1).unwrap();
        form.assert_close("mean square", &y, &y.ones_like().unwrap());
    }
});

#[test]
fn gradient_matches_finite_differences() {
    for shape in [vec![3, 5], vec![2, 4, 2, 3]] {
        let x = synthetic_f64("x", shape, 0.2, 1.0);
        gradcheck(|a| pixel_norm(&a[0], EPS), &[x], Tolerance::FINITE_DIFFERENCE);
    }
}

/// Output and gradient.
fn all(
    f: impl Fn(&Tensor, f64) -> Result<Tensor>,
    shape: &[usize],
    dtype: DType,
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", shape, 0.0, 1.0).to_dtype(dtype)?)?;
    let y = f(&x, EPS)?;
    let g = synthetic("g", shape, 0.5, 1.0).to_dtype(dtype)?;
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    Ok(vec![y, grads.get(&x).expect("a gradient").clone()])
}

#[test]
fn many_channels_and_positions_equal_double_precision() -> Result<()> {
    for shape in [&[2, 512, 16, 16][..], &[1, 16, 100, 130], &[3, 512]] {
        let ours = all(pixel_norm, shape, DType::F32)?;
        let expected = all(reference, shape, DType::F64)?;
        for (ours, expected) in ours.iter().zip(&expected) {
            assert_close("pixel_norm", ours, expected, Tolerance::KERNEL);
        }
    }
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [&[40, 512][..], &[5, 300, 4, 4], &[2, 7, 130, 140]] {
        assert_same_at_any_thread_count("pixel_norm", || all(pixel_norm, shape, DType::F32));
    }
}

#[test]
fn wrong_ranks_are_refused() {
    let error = pixel_norm(&synthetic("x", 4, 0.0, 1.0), EPS).unwrap_err().to_string();
    assert!(error.contains("[N, C, H, W]") && error.contains("[4]"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(n in 1usize..6, c in 2usize..50, h in 0usize..9, w in 1usize..30) {
        let shape = if h == 0 { vec![n, c] } else { vec![n, c, h, w] };
        let ours = all(pixel_norm, &shape, DType::F32).unwrap();
        let expected = all(reference, &shape, DType::F64).unwrap();
        assert_close("forward", &ours[0], &expected[0], Tolerance::KERNEL);
        assert_close("gradient", &ours[1], &expected[1], Tolerance::REDUCTION);
    }
}
