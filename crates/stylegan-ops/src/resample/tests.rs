//! Values, adjointness, gradients, threads.

use candle_core::{Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{
    downsample_box2d, downsample_box2d_vjp, reference, upsample_nearest2d, upsample_nearest2d_vjp,
};

every_form!(halving_undoes_doubling, |form: &Form| {
    let x = form.tensor("x", (2, 3, 5, 7));
    let y = upsample_nearest2d(&x).unwrap();
    assert_eq!(y.dims(), [2, 3, 10, 14]);
    form.assert_close("down(up(x))", &downsample_box2d(&y).unwrap(), &x);
    let four = (&x * 4.0).unwrap();
    form.assert_close("up'(up(x))", &upsample_nearest2d_vjp(&y).unwrap(), &four);
    let quarter = (&y * 0.25).unwrap();
    form.assert_close("down'(x)", &downsample_box2d_vjp(&x).unwrap(), &quarter);
});

#[test]
fn gradients_match_finite_differences() {
    let x = [synthetic_f64("x", (2, 2, 2, 4), 0.0, 1.0)];
    let tolerance = Tolerance::FINITE_DIFFERENCE;
    gradcheck(|a| upsample_nearest2d(&a[0]), &x, tolerance);
    gradcheck(|a| downsample_box2d(&a[0]), &x, tolerance);
    gradcheck(|a| upsample_nearest2d_vjp(&a[0])?.sqr(), &x, tolerance);
    gradcheck(|a| downsample_box2d_vjp(&a[0])?.sqr(), &x, tolerance);
}

#[test]
fn an_input_with_two_consumers_gets_both_gradients() -> Result<()> {
    // candle's own upsampling overwrites the accumulated gradient here.
    let x = Var::from_tensor(&synthetic("x", (1, 1, 2, 2), 0.0, 1.0))?;
    let loss = (upsample_nearest2d(&x)?.sum_all()? + (x.as_tensor() * 3.0)?.sum_all()?)?;
    let gradient = loss.backward()?.get(&x).expect("a gradient").clone();
    let expected = Tensor::full(7f32, (1, 1, 2, 2), x.device())?;
    assert_close("gradient", &gradient, &expected, Tolerance::EXACT);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    let x = synthetic("x", (3, 20, 34, 66), 0.0, 1.0);
    assert_same_at_any_thread_count("up and down", || {
        Ok(vec![upsample_nearest2d(&x)?, downsample_box2d(&x)?])
    });
}

#[test]
fn odd_sizes_and_wrong_ranks_are_refused() {
    let error = downsample_box2d(&synthetic("x", (1, 1, 3, 4), 0.0, 1.0)).unwrap_err().to_string();
    assert!(error.contains("even") && error.contains("[1, 1, 3, 4]"), "{error}");
    assert!(upsample_nearest2d(&synthetic("x", (1, 3, 4), 0.0, 1.0)).is_err());
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
            (upsample_nearest2d(&x), reference::up(&x, 1.0)),
            (downsample_box2d(&x), reference::down(&x, 0.25)),
            (upsample_nearest2d_vjp(&x), reference::down(&x, 1.0)),
            (downsample_box2d_vjp(&x), reference::up(&x, 0.25)),
        ];
        for (ours, expected) in pairs {
            let (ours, expected) = (ours.unwrap(), expected.unwrap());
            assert_close("forward", &ours, &expected, Tolerance::KERNEL);
            assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::KERNEL);
        }
    }

    #[test]
    fn each_vjp_is_the_transpose(h in 1usize..7, w in 1usize..7) {
        let inner = |a: Tensor, b: &Tensor| a.mul(b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let small = synthetic_f64("small", (2, 2, h, w), 0.0, 1.0);
        let large = synthetic_f64("large", (2, 2, 2 * h, 2 * w), 0.0, 1.0);
        let up = inner(upsample_nearest2d(&small).unwrap(), &large)
            - inner(upsample_nearest2d_vjp(&large).unwrap(), &small);
        let down = inner(downsample_box2d(&large).unwrap(), &small)
            - inner(downsample_box2d_vjp(&small).unwrap(), &large);
        assert!(up.abs() < 1e-11 && down.abs() < 1e-11, "{up:e} {down:e}");
    }
}
