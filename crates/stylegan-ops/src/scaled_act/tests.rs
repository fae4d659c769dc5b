//! Values, gradients, and what is refused.

use candle_core::{Result, Tensor};
use stylegan_testkit::{Form, Tolerance, every_form, gradcheck, synthetic, synthetic_f64};

use super::ScaledActivation;

every_form!(hand_worked_values, |form: &Form| {
    let tensor = |values: &[f32], shape: &[usize]| {
        form.to(&Tensor::from_slice(values, shape, &form.device).unwrap())
    };
    let (x, s) = (tensor(&[1., -2., 3., 4.], &[1, 2, 1, 2]), tensor(&[2., -1.], &[1, 2]));
    let (bias, weight) = (tensor(&[1., 2.], &[2]), tensor(&[10., 0.], &[2]));
    let maps = tensor(&[1., 0.5], &[1, 1, 1, 2]);
    let mut how = ScaledActivation { noise: None, bias: &bias, bias_scale: 0.5, slope: 0.25 };
    let y = how.forward(&x, &s).unwrap();
    form.assert_close("without noise", &y, &tensor(&[2.5, -0.875, -0.5, -0.75], &[1, 2, 1, 2]));
    how.noise = Some((&maps, &weight));
    let y = how.forward(&x, &s).unwrap();
    form.assert_close("with noise", &y, &tensor(&[12.5, 1.5, -0.5, -0.75], &[1, 2, 1, 2]));
});

#[test]
fn gradients_match_finite_differences() {
    let inputs = [
        synthetic_f64("x", (2, 3, 2, 5), 0.0, 1.0),
        synthetic_f64("s", (2, 3), 0.0, 1.0),
        synthetic_f64("b", 3, 0.0, 1.0),
        synthetic_f64("w", 3, 0.0, 1.0),
    ];
    let maps = synthetic_f64("maps", (1, 1, 2, 5), 0.0, 1.0);
    gradcheck(
        |a| {
            let noise = Some((&maps, &a[3]));
            let how = ScaledActivation { noise, bias: &a[2], bias_scale: 0.7, slope: 0.2 };
            how.forward(&a[0], &a[1])
        },
        &inputs,
        Tolerance::FINITE_DIFFERENCE,
    );
}

#[test]
fn wrong_arguments_are_refused() -> Result<()> {
    let (x, bias) = (synthetic("x", (2, 3, 4, 5), 0.0, 1.0), synthetic("b", 3, 0.0, 1.0));
    let how = ScaledActivation { noise: None, bias: &bias, bias_scale: 1.0, slope: 0.2 };
    let error = how.forward(&x, &synthetic("s", (2, 4), 0.0, 1.0)).unwrap_err().to_string();
    assert!(error.contains("[2, 3]") && error.contains("[2, 4]"), "{error}");
    let maps = synthetic("maps", (1, 1, 4, 4), 0.0, 1.0);
    let how = ScaledActivation { noise: Some((&maps, &bias)), ..how };
    let error = how.forward(&x, &synthetic("s", (2, 3), 0.0, 1.0)).unwrap_err().to_string();
    assert!(error.contains("[1 or 2, 1, 4, 5]"), "{error}");
    Ok(())
}
