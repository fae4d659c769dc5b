//! Values, the transpose, gradients, threads.

use candle_core::{Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{Upfirdn, reference, upfirdn2d, upfirdn2d_vjp};
use crate::upfirdn2d::geometry::Geometry;

/// The resamplings of the networks, and some that are not.
fn all() -> Vec<Upfirdn> {
    let taps = vec![0.5, -0.25, 1.0, 0.75, 0.1, -0.3, 0.2];
    vec![
        Upfirdn::doubling(),
        Upfirdn::halving(),
        Upfirdn::filtering(1, 4.0),
        Upfirdn::filtering(2, 1.0),
        Upfirdn { taps: taps.clone(), up: 2, down: 1, padding: (4, 3), gain: 1.5 },
        Upfirdn { taps: taps.clone(), up: 1, down: 2, padding: (-1, 5), gain: 0.5 },
        Upfirdn { taps, up: 3, down: 2, padding: (2, 6), gain: 1.0 },
        Upfirdn { taps: vec![2.0], up: 2, down: 1, padding: (0, 0), gain: 1.0 },
    ]
}

every_form!(constants_stay_away_from_the_border, |form: &Form| {
    let x = form.tensor("x", (1, 1, 1, 1)).broadcast_as((1, 2, 8, 6)).unwrap();
    let inner = |t: &Tensor, n: usize| {
        let (_, _, h, w) = t.dims4().unwrap();
        t.narrow(2, n, h - 2 * n).unwrap().narrow(3, n, w - 2 * n).unwrap().contiguous().unwrap()
    };
    let up = inner(&upfirdn2d(&x, &Upfirdn::doubling()).unwrap(), 2);
    form.assert_close("up", &up, &x.narrow(0, 0, 1).unwrap().i_like(&up));
    let down = inner(&upfirdn2d(&x, &Upfirdn::halving()).unwrap(), 1);
    form.assert_close("down", &down, &x.i_like(&down));
});

/// The constant that `self` holds, in another's shape.
trait Like {
    fn i_like(&self, other: &Tensor) -> Tensor;
}

impl Like for Tensor {
    fn i_like(&self, other: &Tensor) -> Tensor {
        let one = self.narrow(1, 0, 1).unwrap().narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap();
        one.broadcast_as(other.shape()).unwrap().contiguous().unwrap()
    }
}

#[test]
fn up_and_down_are_transposes_up_to_a_factor_of_four() -> Result<()> {
    let x = synthetic_f64("x", (2, 3, 6, 4), 0.0, 1.0);
    let down = (upfirdn2d(&x, &Upfirdn::halving())? * 4.0)?;
    let up_transposed = upfirdn2d_vjp(&x, &Upfirdn::doubling(), (3, 2))?;
    assert_close("down", &down, &up_transposed, Tolerance::DOUBLE);
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    for how in all() {
        let x = [synthetic_f64("x", (1, 2, 4, 5), 0.0, 1.0)];
        gradcheck(|a| upfirdn2d(&a[0], &how), &x, Tolerance::FINITE_DIFFERENCE);
        let y = upfirdn2d(&x[0], &how).unwrap();
        let g = [synthetic_f64("g", y.shape().clone(), 0.0, 1.0)];
        gradcheck(|a| upfirdn2d_vjp(&a[0], &how, (4, 5))?.sqr(), &g, Tolerance::FINITE_DIFFERENCE);
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let x = synthetic("x", (3, 20, 35, 66), 0.0, 1.0);
    assert_same_at_any_thread_count("upfirdn2d", || {
        all().iter().map(|how| upfirdn2d(&x, how)).collect()
    });
}

#[test]
fn impossible_arguments_are_refused() {
    let x = synthetic("x", (1, 1, 2, 2), 0.0, 1.0);
    let error = upfirdn2d(&x, &Upfirdn::filtering(0, 1.0)).unwrap_err().to_string();
    assert!(error.contains("too few for 4 taps"), "{error}");
    assert!(upfirdn2d(&x, &Upfirdn { down: 0, ..Upfirdn::halving() }).is_err());
    assert!(upfirdn2d_vjp(&x, &Upfirdn::doubling(), (2, 2)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernel_equals_the_reference(n in 1usize..3, c in 1usize..4, h in 4usize..20, w in 4usize..40) {
        let x = Var::from_tensor(&synthetic("x", (n, c, h, w), 0.0, 1.0)).unwrap();
        for how in all() {
            let ours = upfirdn2d(&x, &how).unwrap();
            let expected = reference::apply(&x, &Geometry::forward(&x, &how).unwrap()).unwrap();
            assert_close("forward", &ours, &expected, Tolerance::KERNEL);
            let g = synthetic("g", ours.shape().clone(), 0.0, 1.0);
            let gradient = |y: &Tensor| {
                let grads = y.mul(&g).unwrap().sum_all().unwrap().backward().unwrap();
                grads.get(&x).unwrap().clone()
            };
            assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::KERNEL);
            let vjp = upfirdn2d_vjp(&g, &how, (h, w)).unwrap();
            assert_close("vjp", &vjp, &gradient(&expected), Tolerance::KERNEL);
        }
    }

    #[test]
    fn the_vjp_is_the_transpose(h in 4usize..9, w in 4usize..9) {
        let inner = |a: &Tensor, b: &Tensor| a.mul(b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let x = synthetic_f64("x", (2, 2, h, w), 0.0, 1.0);
        for how in all() {
            let y = upfirdn2d(&x, &how).unwrap();
            let g = synthetic_f64("g", y.shape().clone(), 0.0, 1.0);
            let difference = inner(&y, &g) - inner(&x, &upfirdn2d_vjp(&g, &how, (h, w)).unwrap());
            prop_assert!(difference.abs() < 1e-10, "{how:?}: {difference:e}");
        }
    }
}
