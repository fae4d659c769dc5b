//! Values, gradients, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{prelu, reference};
use crate::leaky_relu;

every_form!(equal_slopes_are_a_leaky_relu, |form: &Form| {
    let x = form.tensor("x", (2, 3, 5, 4));
    let slopes = (form.tensor("s", 3).ones_like().unwrap() * 0.2).unwrap();
    form.assert_close("prelu", &prelu(&x, &slopes).unwrap(), &leaky_relu(&x, 0.2).unwrap());
});

#[test]
fn gradients_match_finite_differences() {
    let x = synthetic_f64("x", (2, 3, 3, 4), 0.2, 1.0);
    let slopes = synthetic_f64("slopes", 3, 0.2, 0.5);
    gradcheck(|a| prelu(&a[0], &a[1]), &[x, slopes], Tolerance::FINITE_DIFFERENCE);
}

/// Output and gradients.
fn all(
    f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    shape: &[usize],
    dtype: DType,
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", shape, 0.1, 1.0).to_dtype(dtype)?)?;
    let slopes = Var::from_tensor(&synthetic("s", shape[1], 0.1, 1.0).to_dtype(dtype)?)?;
    let g = synthetic("g", shape, 1.0, 1.0).to_dtype(dtype)?;
    let y = f(&x, &slopes)?;
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let gradients = [&x, &slopes].map(|v| grads.get(v).expect("a gradient").clone());
    Ok(std::iter::once(y).chain(gradients).collect())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [[3, 100, 8, 8], [2, 3, 130, 140]] {
        assert_same_at_any_thread_count("prelu", || all(prelu, &shape, DType::F32));
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", (2, 3, 4, 4), 0.0, 1.0);
    let error = prelu(&x, &synthetic("s", 4, 0.0, 1.0)).unwrap_err().to_string();
    assert!(error.contains("[3]") && error.contains("[4]"), "{error}");
    assert!(prelu(&synthetic("x", 3, 0.0, 1.0), &synthetic("s", 3, 0.0, 1.0)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_equals_the_reference(n in 1usize..4, c in 1usize..6, h in 1usize..14, w in 1usize..40) {
        for shape in [vec![n, c, h, w], vec![n, c]] {
            let ours = all(prelu, &shape, DType::F32).unwrap();
            let expected = all(reference::prelu, &shape, DType::F64).unwrap();
            for (name, (ours, expected)) in ["y", "gx", "gslopes"].into_iter().zip(ours.iter().zip(&expected)) {
                assert_close(name, ours, expected, Tolerance::new(2e-5, "sums of few elements cancel"));
            }
        }
    }
}
