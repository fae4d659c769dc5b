//! Values, robustness, gradients, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{adain, instance_norm, reference};

const EPS: f64 = 1e-8;

every_form!(a_normalized_plane_has_mean_zero_and_variance_one, |form: &Form| {
    let x = ((form.tensor("x", (2, 3, 9, 11)) * 3.0).unwrap() + 5.0).unwrap();
    let y = instance_norm(&x, 0.0).unwrap().flatten_from(2).unwrap();
    let mean = y.mean(2).unwrap().abs().unwrap().max_all().unwrap();
    let mean = mean.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap();
    assert!(mean < 1e-6, "{mean:e}");
    let variance = y.sqr().unwrap().mean(2).unwrap();
    form.assert_close("variance", &variance, &variance.ones_like().unwrap());
});

every_form!(a_zero_style_changes_nothing, |form: &Form| {
    let x = form.tensor("x", (2, 3, 5, 4));
    let style = form.tensor("style", (2, 6)).zeros_like().unwrap();
    let expected = instance_norm(&x, EPS).unwrap();
    form.assert_close("adain", &adain(&x, &style, EPS).unwrap(), &expected);
});

#[test]
fn a_constant_plane_becomes_zero() -> Result<()> {
    let x = Tensor::full(3.25f32, (1, 2, 4, 4), &candle_core::Device::Cpu)?;
    let y = instance_norm(&x, EPS)?;
    assert_close("constant", &y, &y.zeros_like()?, Tolerance::EXACT);
    Ok(())
}

#[test]
fn a_large_mean_does_not_spoil_the_variance() -> Result<()> {
    // Values of 1000 +- 1: one pass with sums of squares would lose all digits. The rounding of the inputs themselves
    // (6e-5) is in both sides.
    for side in [8, 200] {
        let x = synthetic("x", (1, 2, side, side), 1000.0, 1.0);
        let expected = reference::instance_norm(&x.to_dtype(DType::F64)?, EPS)?;
        let tolerance = Tolerance::new(5e-5, "the mean, near 1000, rounds to 3e-5");
        assert_close("large mean", &instance_norm(&x, EPS)?, &expected, tolerance);
    }
    Ok(())
}

#[test]
fn large_planes_equal_double_precision() -> Result<()> {
    let x = synthetic("x", (1, 2, 301, 257), 0.3, 2.0);
    let style = synthetic("style", (1, 4), 0.0, 1.0);
    let wide = [&x, &style].map(|t| t.to_dtype(DType::F64).unwrap());
    let expected = reference::adain(&wide[0], &wide[1], EPS)?;
    assert_close("large", &adain(&x, &style, EPS)?, &expected, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    let x = synthetic_f64("x", (2, 3, 3, 4), 0.5, 1.0);
    let style = synthetic_f64("style", (2, 6), 0.0, 1.0);
    gradcheck(
        |a| instance_norm(&a[0], EPS),
        std::slice::from_ref(&x),
        Tolerance::FINITE_DIFFERENCE,
    );
    gradcheck(|a| adain(&a[0], &a[1], EPS), &[x, style], Tolerance::FINITE_DIFFERENCE);
}

/// Output and gradients.
fn all(
    f: impl Fn(&Tensor, &Tensor, f64) -> Result<Tensor>,
    shape: (usize, usize, usize, usize),
    dtype: DType,
) -> Result<Vec<Tensor>> {
    let (n, c, _, _) = shape;
    let x = Var::from_tensor(&synthetic("x", shape, 0.5, 1.0).to_dtype(dtype)?)?;
    let style = Var::from_tensor(&synthetic("style", (n, 2 * c), 0.0, 1.0).to_dtype(dtype)?)?;
    let g = synthetic("g", shape, 1.0, 1.0).to_dtype(dtype)?;
    let y = f(&x, &style, EPS)?;
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let gradients = [&x, &style].map(|v| grads.get(v).expect("a gradient").clone());
    Ok(std::iter::once(y).chain(gradients).collect())
}

#[test]
fn only_tracked_arguments_get_a_gradient() -> Result<()> {
    let x = synthetic("x", (2, 3, 4, 4), 0.0, 1.0);
    let style = Var::from_tensor(&synthetic("style", (2, 6), 0.0, 1.0))?;
    let g = synthetic("g", (2, 3, 4, 4), 0.0, 1.0);
    let grads = adain(&x, &style, EPS)?.mul(&g)?.sum_all()?.backward()?;
    assert!(grads.get(&x).is_none());
    let expected = reference::adain(&x, &style, EPS)?.mul(&g)?.sum_all()?.backward()?;
    let (ours, expected) = (grads.get(&style).unwrap(), expected.get(&style).unwrap());
    assert_close("style", ours, expected, Tolerance::REDUCTION);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [(3, 100, 8, 8), (2, 3, 130, 140)] {
        assert_same_at_any_thread_count("adain", || all(adain, shape, DType::F32));
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", (2, 3, 4, 4), 0.0, 1.0);
    let error = adain(&x, &synthetic("s", (2, 3), 0.0, 1.0), EPS).unwrap_err().to_string();
    assert!(error.contains("[2, 6]") && error.contains("[2, 3]"), "{error}");
    assert!(instance_norm(&synthetic("x", (2, 3), 0.0, 1.0), EPS).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(n in 1usize..4, c in 1usize..6, h in 1usize..14, w in 2usize..40) {
        let ours = all(adain, (n, c, h, w), DType::F32).unwrap();
        let expected = all(reference::adain, (n, c, h, w), DType::F64).unwrap();
        // With two elements the gradient of x cancels to nothing.
        let names = ["y", "gx", "gstyle"];
        for i in if h * w > 4 { vec![0, 1, 2] } else { vec![0, 2] } {
            assert_close(names[i], &ours[i], &expected[i], Tolerance::new(2e-5, "few elements cancel"));
        }
    }
}
