//! Values, adjointness, gradients, threads.

use candle_core::{Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{blur, reference};

every_form!(an_impulse_gives_the_filter, |form: &Form| {
    let mut impulse = vec![0f32; 25];
    impulse[12] = 16.0;
    let x = Tensor::from_vec(impulse, (1, 1, 5, 5), &form.device).unwrap();
    let expected: Vec<f32> = [0., 1., 2., 1., 0.]
        .iter()
        .flat_map(|a| [0., 1., 2., 1., 0.].iter().map(move |b| a * b))
        .collect();
    let expected = Tensor::from_vec(expected, (1, 1, 5, 5), &form.device).unwrap();
    form.assert_close("impulse", &blur(&form.to(&x)).unwrap(), &expected);
});

every_form!(a_constant_stays_inside_and_fades_at_the_border, |form: &Form| {
    let x = form.to(&Tensor::ones((1, 2, 4, 6), form.dtype, &form.device).unwrap());
    let y = blur(&x).unwrap();
    let inside = y.narrow(2, 1, 2).unwrap().narrow(3, 1, 4).unwrap();
    form.assert_close("inside", &inside, &inside.ones_like().unwrap());
    let corner = y.narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap();
    let expected = (corner.ones_like().unwrap() * (9.0 / 16.0)).unwrap();
    form.assert_close("corner", &corner, &expected);
});

#[test]
fn gradient_matches_finite_differences() {
    let x = synthetic_f64("x", (2, 2, 3, 5), 0.0, 1.0);
    gradcheck(|a| blur(&a[0]), std::slice::from_ref(&x), Tolerance::FINITE_DIFFERENCE);
    // The gradient of a gradient: the blur of the cotangent, squared.
    gradcheck(|a| blur(&a[0])?.sqr()?.sum_all(), &[x], Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn arguments_that_are_not_contiguous_are_read_right() -> Result<()> {
    let x = synthetic("x", (2, 3, 6, 4), 0.0, 1.0).transpose(2, 3)?;
    assert_close("transposed", &blur(&x)?, &reference::blur(&x)?, Tolerance::KERNEL);
    let x = synthetic("x", (2, 3, 6, 4), 0.0, 1.0).narrow(0, 1, 1)?;
    assert_close("narrowed", &blur(&x)?, &reference::blur(&x)?, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for dims in [(3, 100, 8, 8), (2, 3, 100, 130)] {
        let x = synthetic("x", dims, 0.0, 1.0);
        assert_same_at_any_thread_count("blur", || Ok(vec![blur(&x)?]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernel_equals_the_reference(n in 1usize..4, c in 1usize..6, h in 1usize..20, w in 1usize..50) {
        let x = Var::from_tensor(&synthetic("x", (n, c, h, w), 0.0, 1.0)).unwrap();
        let g = synthetic("g", (n, c, h, w), 0.0, 1.0);
        let (ours, expected) = (blur(&x).unwrap(), reference::blur(&x).unwrap());
        assert_close("forward", &ours, &expected, Tolerance::KERNEL);
        let gradient = |y: &Tensor| {
            let grads = y.mul(&g).unwrap().sum_all().unwrap().backward().unwrap();
            grads.get(&x).unwrap().clone()
        };
        assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::KERNEL);
    }

    #[test]
    fn it_is_linear_and_its_own_transpose(h in 1usize..12, w in 1usize..12) {
        let a = synthetic_f64("a", (2, 2, h, w), 0.0, 1.0);
        let b = synthetic_f64("b", (2, 2, h, w), 0.0, 1.0);
        let sum = blur(&(&a + (&b * 3.0).unwrap()).unwrap()).unwrap();
        let expected = (blur(&a).unwrap() + (blur(&b).unwrap() * 3.0).unwrap()).unwrap();
        assert_close("linear", &sum, &expected, Tolerance::DOUBLE);
        let left = blur(&a).unwrap().mul(&b).unwrap().sum_all().unwrap();
        let right = a.mul(&blur(&b).unwrap()).unwrap().sum_all().unwrap();
        let difference = (left - right).unwrap().abs().unwrap().to_scalar::<f64>().unwrap();
        assert!(difference < 1e-11, "<Aa, b> - <a, A'b> = {difference:e}");
    }
}
