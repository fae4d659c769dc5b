//! Values, gradients of both orders, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{bias_act, reference};
use crate::leaky_relu_vjp;

fn shape(n: usize, c: usize, h: usize, w: usize) -> Vec<usize> {
    if h * w == 0 { vec![n, c] } else { vec![n, c, h, w] }
}

/// The gradients of x and bias of `sum(g * y)`.
fn gradients(y: Result<Tensor>, g: &Tensor, x: &Var, bias: &Var) -> [Tensor; 2] {
    let grads = y.unwrap().mul(g).unwrap().sum_all().unwrap().backward().unwrap();
    [grads.get(x).unwrap().clone(), grads.get(bias).unwrap().clone()]
}

every_form!(hand_worked_values, |form: &Form| {
    let x = form.to(&Tensor::new(&[[[[1f32, -3.]], [[2., -8.]]]], &form.device).unwrap());
    let bias = form.to(&Tensor::new(&[1f32, 2.], &form.device).unwrap());
    let y = bias_act(&x, &bias, 2.0, Some(0.25)).unwrap();
    let expected = Tensor::new(&[[[[3f32, -0.25]], [[6., -1.]]]], &form.device).unwrap();
    form.assert_close("bias_act", &y, &expected);
    let y = bias_act(&x, &bias, 2.0, None).unwrap();
    let expected = Tensor::new(&[[[[3f32, -1.]], [[6., -4.]]]], &form.device).unwrap();
    form.assert_close("bias alone", &y, &expected);
});

#[test]
fn gradients_match_finite_differences() {
    for dims in [vec![3, 4], vec![2, 3, 2, 5]] {
        for slope in [None, Some(0.2)] {
            let inputs =
                [synthetic_f64("x", dims.clone(), 0.0, 1.0), synthetic_f64("b", dims[1], 0.0, 1.0)];
            gradcheck(
                |a| bias_act(&a[0], &a[1], 0.7, slope),
                &inputs,
                Tolerance::FINITE_DIFFERENCE,
            );
        }
    }
}

#[test]
fn the_gradient_of_an_input_gradient_is_exact() -> Result<()> {
    // L = sum of squares of d sum(t * y)/dx, as a function of t: the mask of y enters twice.
    let x = synthetic_f64("x", (2, 3, 4, 4), 0.0, 1.0);
    let bias = synthetic_f64("b", 3, 0.0, 1.0);
    let t = synthetic_f64("t", (2, 3, 4, 4), 0.0, 1.0);
    gradcheck(
        |a| {
            let y = bias_act(&x, &bias, 1.0, Some(0.2))?;
            leaky_relu_vjp(&a[0], &y, 0.2)?.sqr()?.sum_all()
        },
        &[t],
        Tolerance::FINITE_DIFFERENCE,
    );
    Ok(())
}

#[test]
fn only_tracked_arguments_get_a_gradient() -> Result<()> {
    let (x, bias) =
        (synthetic("x", (2, 3), 0.0, 1.0), Var::from_tensor(&synthetic("b", 3, 0.0, 1.0))?);
    let grads = bias_act(&x, &bias, 1.0, Some(0.2))?.sum_all()?.backward()?;
    assert!(grads.get(&x).is_none() && grads.get(&bias).is_some());
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for dims in [vec![300, 70], vec![3, 40, 9, 31], vec![2, 3, 200, 100]] {
        let x = Var::from_tensor(&synthetic("x", dims.clone(), 0.0, 1.0)).unwrap();
        let bias = Var::from_tensor(&synthetic("b", dims[1], 0.0, 1.0)).unwrap();
        let g = synthetic("g", dims, 0.0, 1.0);
        assert_same_at_any_thread_count("bias_act", || {
            let y = bias_act(&x, &bias, 0.7, Some(0.2))?;
            let mut all = gradients(Ok(y.clone()), &g, &x, &bias).to_vec();
            all.push(y);
            Ok(all)
        });
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let (x, bias) = (synthetic("x", (2, 3), 0.0, 1.0), synthetic("b", 4, 0.0, 1.0));
    let error = bias_act(&x, &bias, 1.0, None).unwrap_err().to_string();
    assert!(error.contains("bias [3]") && error.contains("[4]"), "{error}");
    let x = synthetic("x", (2, 3, 4), 0.0, 1.0);
    assert!(bias_act(&x, &bias, 1.0, None).unwrap_err().to_string().contains("[N, C, H, W]"));
    let x = synthetic("x", (2, 4), 0.0, 1.0);
    assert!(bias_act(&x, &bias, 1.0, Some(-1.0)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(
        n in 1usize..5, c in 1usize..9, h in 0usize..13, w in 0usize..40,
        slope in prop::option::of(0.0f64..1.0), scale in 0.01f64..2.0,
    ) {
        let dims = shape(n, c, h, w);
        let x = Var::from_tensor(&synthetic("x", dims.clone(), 0.0, 1.0)).unwrap();
        let bias = Var::from_tensor(&synthetic("b", c, 0.0, 1.0)).unwrap();
        let g = synthetic("g", dims, 0.0, 1.0);
        let ours = bias_act(&x, &bias, scale, slope).unwrap();
        let expected = reference::bias_act(&x, &bias, scale, slope).unwrap();
        assert_close("forward", &ours, &expected, Tolerance::KERNEL);
        let [gx, gbias] = gradients(Ok(ours), &g, &x, &bias);
        let [expected, _] = gradients(Ok(expected), &g, &x, &bias);
        assert_close("gx", &gx, &expected, Tolerance::KERNEL);
        // The reference's own sums are not exact enough to compare with. A sum may cancel; its terms are of size one.
        let wide = gx.to_dtype(DType::F64).unwrap().transpose(0, 1).unwrap().flatten_from(1).unwrap();
        let expected = (wide.sum(1).unwrap() * scale).unwrap();
        let difference = (gbias.to_dtype(DType::F64).unwrap() - expected).unwrap();
        let worst = difference.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        prop_assert!(worst < 1e-4, "{:e}", worst);
    }
}
