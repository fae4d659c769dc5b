//! Values, gradients of both orders, threads.

use candle_core::{Result, Tensor};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{leaky_relu, leaky_relu_vjp, reference};

/// A random tensor without values near the kink.
fn away_from_zero(name: &str, len: usize) -> Tensor {
    let x = synthetic_f64(name, len, 0.0, 1.0);
    (x.sign().unwrap() * (x.abs().unwrap() + 0.1).unwrap()).unwrap()
}

every_form!(the_forward_is_the_formula, |form: &Form| {
    let x = form.tensor("x", (3, 5, 7));
    let positive = x.relu().unwrap();
    let expected = ((&positive * 0.8).unwrap() + (&x * 0.2).unwrap()).unwrap();
    form.assert_close("leaky ReLU", &leaky_relu(&x, 0.2).unwrap(), &expected);
});

#[test]
fn gradients_match_finite_differences() {
    let (x, g) = (away_from_zero("x", 9), synthetic_f64("g", 9, 0.0, 1.0));
    gradcheck(|a| leaky_relu(&a[0], 0.2), std::slice::from_ref(&x), Tolerance::FINITE_DIFFERENCE);
    // The VJP is linear in g and piecewise constant in y.
    gradcheck(|a| leaky_relu_vjp(&a[0], &a[1], 0.2), &[g, x], Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn kernel_gradients_match_the_reference() -> Result<()> {
    let x = candle_core::Var::from_tensor(&synthetic("x", 1000, 0.0, 1.0))?;
    let g = synthetic("g", 1000, 0.0, 1.0);
    let gradient = |y: Tensor| -> Result<Tensor> {
        let grads = y.mul(&g)?.sum_all()?.backward()?;
        Ok(grads.get(&x).expect("a gradient").clone())
    };
    let ours = gradient(leaky_relu(&x, 0.2)?)?;
    let expected = gradient(reference::leaky_relu(&x, 0.2)?)?;
    assert_close("gradient", &ours, &expected, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (x, g) = (synthetic("x", 100_001, 0.0, 1.0), synthetic("g", 100_001, 0.0, 1.0));
    assert_same_at_any_thread_count("leaky ReLU", || {
        let y = leaky_relu(&x, 0.2)?;
        Ok(vec![leaky_relu_vjp(&g, &y, 0.2)?, y])
    });
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", 4, 0.0, 1.0);
    assert!(leaky_relu(&x, -0.1).is_err());
    assert!(leaky_relu(&x, f64::NAN).is_err());
    let error = leaky_relu_vjp(&synthetic("g", 5, 0.0, 1.0), &x, 0.2).unwrap_err().to_string();
    assert!(error.contains("[4]") && error.contains("[5]"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(len in 1usize..300, slope in 0.0f64..1.0) {
        let (x, g) = (synthetic("x", len, 0.0, 1.0), synthetic("g", len, 0.0, 1.0));
        let y = leaky_relu(&x, slope).unwrap();
        assert_close("forward", &y, &reference::leaky_relu(&x, slope).unwrap(), Tolerance::KERNEL);
        let ours = leaky_relu_vjp(&g, &y, slope).unwrap();
        let expected = reference::leaky_relu_vjp(&g, &y, slope).unwrap();
        assert_close("vjp", &ours, &expected, Tolerance::KERNEL);
    }

    #[test]
    fn the_vjp_is_its_own_transpose(len in 1usize..100) {
        let y = synthetic_f64("y", len, 0.0, 1.0);
        let (a, b) = (synthetic_f64("a", len, 0.0, 1.0), synthetic_f64("b", len, 0.0, 1.0));
        let inner = |a: &Tensor, b: &Tensor| a.mul(b).unwrap().sum_all().unwrap();
        let left = inner(&leaky_relu_vjp(&a, &y, 0.2).unwrap(), &b);
        let right = inner(&a, &leaky_relu_vjp(&b, &y, 0.2).unwrap());
        assert_close("<Aa, b>", &left, &right, Tolerance::DOUBLE);
    }
}
