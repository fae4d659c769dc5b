//! Layout of the groups, gradients of both orders, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{Groups, minibatch_stddev, minibatch_stddev_vjp, reference};

every_form!(members_of_a_group_lie_apart, |form: &Form| {
    // Two groups of two: images 0 and 2 differ by 4, images 1 and 3 by 10. Two runs of one channel, the second constant.
    let x = Tensor::new(&[[1f32, 0.], [5., 0.], [5., 0.], [-5., 0.]], &form.device).unwrap();
    let x = form.to(&x.reshape((4, 2, 1, 1)).unwrap());
    let y = minibatch_stddev(&x, 2, 2).unwrap();
    assert_eq!(y.dims(), [4, 4, 1, 1]);
    form.assert_close("x", &y.narrow(1, 0, 2).unwrap(), &x);
    let expected = Tensor::new(&[[2f32, 1e-4], [5., 1e-4], [2., 1e-4], [5., 1e-4]], &form.device);
    let maps = y.narrow(1, 2, 2).unwrap().reshape((4, 2)).unwrap();
    let tolerance = Tolerance::new(1e-6, "the expected 1e-4 is a float32");
    assert_close("maps", &maps, &form.to(&expected.unwrap()), tolerance);
});

#[test]
fn gradients_of_both_orders_match_finite_differences() {
    // Two members that come close make a kink, hence not fewer than three.
    for (n, group, features) in [(4, 4, 1), (8, 4, 2), (3, 3, 1)] {
        let x = synthetic_f64("x", (n, 4, 2, 3), 0.0, 1.0);
        let g = synthetic_f64("g", (n, 4 + features, 2, 3), 0.0, 1.0);
        gradcheck(
            |a| minibatch_stddev(&a[0], group, features),
            std::slice::from_ref(&x),
            Tolerance::FINITE_DIFFERENCE,
        );
        gradcheck(
            |a| minibatch_stddev_vjp(&a[0], &a[1], group, features),
            &[x, g],
            Tolerance::FINITE_DIFFERENCE,
        );
    }
}

#[test]
fn the_vjp_is_the_gradient() -> Result<()> {
    let x = Var::from_tensor(&synthetic_f64("x", (4, 4, 2, 3), 0.0, 1.0))?;
    let g = synthetic_f64("g", (4, 6, 2, 3), 0.0, 1.0);
    let grads = minibatch_stddev(&x, 2, 2)?.mul(&g)?.sum_all()?.backward()?;
    let vjp = minibatch_stddev_vjp(&x, &g, 2, 2)?;
    assert_close("vjp", &vjp, grads.get(&x).expect("a gradient"), Tolerance::DOUBLE);
    Ok(())
}

/// Forward, its gradient, the VJP and its two gradients.
fn all(
    (n, c, h, w): (usize, usize, usize, usize),
    group: usize,
    features: usize,
    dtype: DType,
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", (n, c, h, w), 0.0, 1.0).to_dtype(dtype)?)?;
    let g = synthetic("g", (n, c + features, h, w), 0.5, 1.0).to_dtype(dtype)?;
    let g = Var::from_tensor(&g)?;
    let v = synthetic("v", (n, c, h, w), 0.0, 1.0).to_dtype(dtype)?;
    let y = minibatch_stddev(&x, group, features)?;
    let first = y.mul(&g.detach())?.sum_all()?.backward()?;
    let vjp = minibatch_stddev_vjp(&x, &g, group, features)?;
    let second = vjp.mul(&v)?.sum_all()?.backward()?;
    let get = |grads: &candle_core::backprop::GradStore, var: &Var| {
        grads.get(var).expect("a gradient").clone()
    };
    Ok(vec![y, get(&first, &x), vjp, get(&second, &x), get(&second, &g)])
}

#[test]
fn identical_images_have_no_deviation_and_finite_gradients() -> Result<()> {
    let one = synthetic("x", (1, 3, 4, 4), 0.0, 1.0);
    let x = Var::from_tensor(&Tensor::cat(&[&one, &one, &one, &one], 0)?)?;
    let y = minibatch_stddev(&x, 4, 1)?;
    let map = y.narrow(1, 3, 1)?;
    assert_close("map", &map, &(map.ones_like()? * 1e-4)?, Tolerance::KERNEL);
    let gradient = y.sum_all()?.backward()?.get(&x).expect("a gradient").clone();
    assert_close("gradient", &gradient, &gradient.ones_like()?, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn only_the_tracked_argument_of_the_vjp_gets_a_gradient() -> Result<()> {
    let x = synthetic("x", (4, 3, 4, 4), 0.0, 1.0);
    let g = Var::from_tensor(&synthetic("g", (4, 4, 4, 4), 0.0, 1.0))?;
    let grads = minibatch_stddev_vjp(&x, &g, 4, 1)?.sum_all()?.backward()?;
    assert!(grads.get(&x).is_none() && grads.get(&g).is_some());
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    assert_same_at_any_thread_count("minibatch_stddev", || all((12, 30, 4, 5), 4, 3, DType::F32));
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", (6, 4, 2, 2), 0.0, 1.0);
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    assert!(message(minibatch_stddev(&x, 4, 1)).contains("groups of 4 do not divide a batch of 6"));
    assert!(message(minibatch_stddev(&x, 3, 3)).contains("3 features do not divide 4 channels"));
    assert!(minibatch_stddev(&x, 0, 1).is_err() && minibatch_stddev(&x, 2, 0).is_err());
    assert!(message(minibatch_stddev_vjp(&x, &x, 2, 1)).contains("[6, 5, 2, 2]"));
}

#[test]
fn the_reference_takes_any_group() -> Result<()> {
    let x = synthetic("x", (6, 4, 2, 2), 0.0, 1.0);
    let groups = Groups::of("test", &x, 100, 1)?;
    let expected = reference::minibatch_stddev(&x, &groups)?;
    assert_close("all in one", &minibatch_stddev(&x, 100, 1)?, &expected, Tolerance::KERNEL);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(
        members in 3usize..6, count in 1usize..4, run in 1usize..5, features in 1usize..4,
        h in 1usize..6, w in 1usize..6,
    ) {
        let shape = (members * count, run * features, h, w);
        let ours = all(shape, members, features, DType::F32).unwrap();
        let expected = all(shape, members, features, DType::F64).unwrap();
        // A small deviation divides by itself, up to its third power.
        for (index, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
            assert_close(&format!("{index}"), ours, expected, Tolerance::new(5e-5, "small deviations"));
        }
    }
}
