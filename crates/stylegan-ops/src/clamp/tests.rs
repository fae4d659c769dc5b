//! Values, gradients of both orders, half precision.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{clamp, clamp_vjp, reference};

every_form!(the_forward_is_the_formula, |form: &Form| {
    let x = form.tensor("x", (3, 5, 7));
    let expected = x.maximum(-0.5).unwrap().minimum(0.5).unwrap();
    form.assert_close("limit", &clamp(&x, 0.5).unwrap(), &expected);
});

#[test]
fn gradients_match_finite_differences() {
    // Away from the kinks at 1.
    let x = Tensor::new(&[-2f64, -1.2, -0.8, 0.0, 0.3, 0.9, 1.1, 5.0], &Device::Cpu).unwrap();
    let g = synthetic_f64("g", 8, 0.0, 1.0);
    gradcheck(|a| clamp(&a[0], 1.0), std::slice::from_ref(&x), Tolerance::FINITE_DIFFERENCE);
    gradcheck(|a| clamp_vjp(&a[0], &a[1], 1.0), &[g, x], Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn kernel_gradients_match_the_reference() -> Result<()> {
    let x = Var::from_tensor(&synthetic("x", 1000, 0.0, 1.0))?;
    let g = synthetic("g", 1000, 0.0, 1.0);
    let gradient = |y: Tensor| -> Result<Tensor> {
        let grads = y.mul(&g)?.sum_all()?.backward()?;
        Ok(grads.get(&x).expect("a gradient").clone())
    };
    let (ours, expected) = (gradient(clamp(&x, 0.7)?)?, gradient(reference::clamp(&x, 0.7)?)?);
    assert_close("gradient", &ours, &expected, Tolerance::KERNEL);
    let y = clamp(&x, 0.7)?.detach();
    let (ours, expected) = (clamp_vjp(&g, &y, 0.7)?, reference::clamp_vjp(&g, &y, 0.7)?);
    assert_close("vjp", &ours, &expected, Tolerance::KERNEL);
    Ok(())
}

#[test]
fn a_rounded_limit_still_stops_gradients() -> Result<()> {
    // 256 times the root of two is no number of either type.
    let limit = 256.0 * std::f64::consts::SQRT_2;
    for dtype in [DType::BF16, DType::F16] {
        let x = Tensor::new(&[-1e4f32, -300.0, 1.0, 361.0, 363.0], &Device::Cpu)?;
        let x = x.to_dtype(dtype)?;
        let y = clamp(&x, limit)?;
        assert_eq!(y.dtype(), dtype);
        let passed = clamp_vjp(&y.ones_like()?, &y, limit)?.to_dtype(DType::F32)?;
        let passed = passed.to_vec1::<f32>()?;
        assert_eq!([passed[0], passed[1], passed[2], passed[4]], [0.0, 1.0, 1.0, 0.0], "{dtype:?}");
    }
    Ok(())
}

#[test]
fn what_is_not_a_number_stays_so_and_infinities_do_not() -> Result<()> {
    let x = Tensor::new(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY], &Device::Cpu)?;
    let y = clamp(&x, 2.0)?.to_vec1::<f32>()?;
    assert!(y[0].is_nan());
    assert_eq!(y[1..], [2.0, -2.0]);
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (x, g) = (synthetic("x", 100_001, 0.0, 1.0), synthetic("g", 100_001, 0.0, 1.0));
    assert_same_at_any_thread_count("limit", || {
        let y = clamp(&x, 0.5)?;
        Ok(vec![clamp_vjp(&g, &y, 0.5)?, y])
    });
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", 4, 0.0, 1.0);
    for limit in [0.0, -1.0, f64::NAN] {
        assert!(clamp(&x, limit).is_err() && clamp_vjp(&x, &x, limit).is_err());
    }
    assert!(clamp_vjp(&x, &synthetic("y", 5, 0.0, 1.0), 1.0).is_err());
}
