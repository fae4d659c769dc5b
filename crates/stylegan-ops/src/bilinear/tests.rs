//! Values, adjointness, gradients, threads.

use candle_core::{Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{Direction, reference, upsample_bilinear2d, upsample_bilinear2d_vjp};
use crate::{Upfirdn, upfirdn2d};

every_form!(a_constant_stays_constant_up_to_the_rim, |form: &Form| {
    let x = form.tensor("x", (2, 3, 1, 1));
    let x = x.broadcast_as((2, 3, 3, 4)).unwrap().contiguous().unwrap();
    let expected = x.narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap();
    let expected = expected.broadcast_as((2, 3, 6, 8)).unwrap().contiguous().unwrap();
    form.assert_close("doubled", &upsample_bilinear2d(&x).unwrap(), &expected);
});

#[test]
fn inside_it_is_the_binomial_doubling() -> Result<()> {
    let x = synthetic("x", (2, 3, 5, 6), 0.0, 1.0);
    let inside = |y: &Tensor| y.narrow(2, 1, 8)?.narrow(3, 1, 10)?.contiguous();
    let expected = upfirdn2d(&x, &Upfirdn::doubling())?;
    let doubled = upsample_bilinear2d(&x)?;
    assert_close("inside", &inside(&doubled)?, &inside(&expected)?, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    let x = [synthetic_f64("x", (2, 2, 2, 4), 0.0, 1.0)];
    gradcheck(|a| upsample_bilinear2d(&a[0])?.sqr(), &x, Tolerance::FINITE_DIFFERENCE);
    gradcheck(|a| upsample_bilinear2d_vjp(&a[0])?.sqr(), &x, Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let x = synthetic("x", (3, 20, 34, 66), 0.0, 1.0);
    assert_same_at_any_thread_count("doubling and halving", || {
        Ok(vec![upsample_bilinear2d(&x)?, upsample_bilinear2d_vjp(&x)?])
    });
}

#[test]
fn odd_sizes_and_wrong_ranks_are_refused() {
    let odd = upsample_bilinear2d_vjp(&synthetic("g", (1, 1, 3, 4), 0.0, 1.0)).unwrap_err();
    assert!(odd.to_string().contains("3 x 4"), "{odd}");
    assert!(upsample_bilinear2d(&synthetic("x", (1, 3, 4), 0.0, 1.0)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(n in 1usize..4, c in 1usize..5, h in 1usize..12, w in 1usize..40) {
        let x = Var::from_tensor(&synthetic("x", (n, c, 2 * h, 2 * w), 0.0, 1.0)).unwrap();
        let gradient = |y: &Tensor| {
            let g = synthetic("g", y.shape().clone(), 0.0, 1.0);
            let grads = y.mul(&g).unwrap().sum_all().unwrap().backward().unwrap();
            grads.get(&x).unwrap().clone()
        };
        let pairs = [
            (upsample_bilinear2d(&x), Direction::Doubling),
            (upsample_bilinear2d_vjp(&x), Direction::Halving),
        ];
        for (ours, direction) in pairs {
            let (ours, expected) = (ours.unwrap(), reference::apply(&x, direction).unwrap());
            assert_close("forward", &ours, &expected, Tolerance::KERNEL);
            assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::KERNEL);
        }
    }

    #[test]
    fn the_vjp_is_the_transpose(h in 1usize..7, w in 1usize..7) {
        let inner = |a: Tensor, b: &Tensor| a.mul(b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let small = synthetic_f64("small", (2, 2, h, w), 0.0, 1.0);
        let large = synthetic_f64("large", (2, 2, 2 * h, 2 * w), 0.0, 1.0);
        let difference = inner(upsample_bilinear2d(&small).unwrap(), &large)
            - inner(upsample_bilinear2d_vjp(&large).unwrap(), &small);
        prop_assert!(difference.abs() < 1e-11, "{difference:e}");
    }
}
