//! Values, gradients of both orders, threads.

use candle_core::{Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{channel_dot, reference, scale_channels};

every_form!(ones_leave_alone_and_sum, |form: &Form| {
    let x = form.tensor("x", (2, 3, 4, 5));
    let ones = form.tensor("s", (2, 3)).ones_like().unwrap();
    form.assert_close("x", &scale_channels(&x, &ones).unwrap(), &x);
    let sums = channel_dot(&x, &x.ones_like().unwrap()).unwrap();
    form.assert_close("sums", &sums, &x.sum((2, 3)).unwrap());
});

#[test]
fn gradients_match_finite_differences_to_the_second_order() {
    let inputs = [
        synthetic_f64("x", (2, 3, 2, 3), 0.0, 1.0),
        synthetic_f64("s", (2, 3), 0.0, 1.0),
        synthetic_f64("g", (2, 3, 2, 3), 0.0, 1.0),
    ];
    let tolerance = Tolerance::FINITE_DIFFERENCE;
    gradcheck(|a| scale_channels(&a[0], &a[1]), &inputs[..2], tolerance);
    gradcheck(|a| channel_dot(&a[0], &a[1]), &[inputs[0].clone(), inputs[2].clone()], tolerance);
    // The squared gradient of the factors, as in path length regularisation.
    let squared = |a: &[Tensor]| channel_dot(&scale_channels(&a[2], &a[1])?, &a[0])?.sqr();
    gradcheck(squared, &inputs, tolerance);
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", (2, 3, 4, 5), 0.0, 1.0);
    let error = scale_channels(&x, &synthetic("s", (3, 2), 0.0, 1.0)).unwrap_err().to_string();
    assert!(error.contains("[2, 3]") && error.contains("[3, 2]"), "{error}");
    assert!(channel_dot(&x, &synthetic("y", (2, 3, 5, 4), 0.0, 1.0)).is_err());
    assert!(scale_channels(&synthetic("x", (2, 3), 0.0, 1.0), &x).is_err());
}

/// Both results, and the gradients of both.
fn all(
    scale: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    dot: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    (n, c, h, w): (usize, usize, usize, usize),
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", (n, c, h, w), 0.0, 1.0))?;
    let s = Var::from_tensor(&synthetic("s", (n, c), 0.0, 1.0))?;
    let y = scale(&x, &s)?;
    let d = dot(&y, &synthetic("g", (n, c, h, w), 0.5, 1.0))?;
    let grads = d.sqr()?.sum_all()?.backward()?;
    let gradients = [&x, &s].map(|v| grads.get(v).expect("a gradient").clone());
    Ok([y, d].into_iter().chain(gradients).collect())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [(3, 100, 8, 8), (2, 3, 130, 140)] {
        assert_same_at_any_thread_count("scale_channels", || {
            all(scale_channels, channel_dot, shape)
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(n in 1usize..4, c in 1usize..7, h in 1usize..12, w in 1usize..40) {
        let ours = all(scale_channels, channel_dot, (n, c, h, w)).unwrap();
        let expected = all(reference::scale, reference::dot, (n, c, h, w)).unwrap();
        for (ours, expected) in ours.iter().zip(&expected) {
            assert_close("result", ours, expected, Tolerance::new(2e-5, "sums that may cancel"));
        }
    }
}
