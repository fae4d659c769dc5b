//! Values, gradients, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{noise_bias_act, reference};
use crate::bias_act;

every_form!(without_weight_the_noise_does_nothing, |form: &Form| {
    let x = form.tensor("x", (2, 3, 4, 5));
    let (noise, bias) = (form.tensor("noise", (2, 1, 4, 5)), form.tensor("b", 3));
    let weight = bias.zeros_like().unwrap();
    let y = noise_bias_act(&x, &noise, &weight, &bias, 0.5, 0.2).unwrap();
    form.assert_close("bias_act", &y, &bias_act(&x, &bias, 0.5, Some(0.2)).unwrap());
});

every_form!(a_shared_map_is_the_same_map_for_every_image, |form: &Form| {
    let x = form.tensor("x", (2, 3, 4, 5));
    let (weight, bias) = (form.tensor("w", 3), form.tensor("b", 3));
    let one = form.tensor("noise", (1, 1, 4, 5));
    let two = Tensor::cat(&[&one, &one], 0).unwrap();
    let shared = noise_bias_act(&x, &one, &weight, &bias, 0.5, 0.2).unwrap();
    form.assert_close(
        "shared",
        &shared,
        &noise_bias_act(&x, &two, &weight, &bias, 0.5, 0.2).unwrap(),
    );
});

#[test]
fn gradients_match_finite_differences() {
    for maps in [1, 2] {
        let inputs = [
            synthetic_f64("x", (2, 3, 2, 5), 0.0, 1.0),
            synthetic_f64("w", 3, 0.0, 1.0),
            synthetic_f64("b", 3, 0.0, 1.0),
            synthetic_f64("noise", (maps, 1, 2, 5), 0.0, 1.0),
        ];
        gradcheck(
            |a| noise_bias_act(&a[0], &a[3], &a[1], &a[2], 0.7, 0.2),
            &inputs,
            Tolerance::FINITE_DIFFERENCE,
        );
    }
}

#[test]
fn a_tracked_noise_gets_its_gradient() -> Result<()> {
    let x = synthetic("x", (2, 3, 2, 5), 0.0, 1.0);
    let noise = Var::from_tensor(&synthetic("noise", (1, 1, 2, 5), 0.0, 1.0))?;
    let (weight, bias) = (synthetic("w", 3, 0.0, 1.0), synthetic("b", 3, 0.0, 1.0));
    let y = noise_bias_act(&x, &noise, &weight, &bias, 1.0, 0.2)?;
    assert!(y.sum_all()?.backward()?.get(&noise).is_some());
    Ok(())
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", (2, 3, 4, 5), 0.0, 1.0);
    let c = synthetic("c", 3, 0.0, 1.0);
    let noise = synthetic("noise", (3, 1, 4, 5), 0.0, 1.0);
    let error = noise_bias_act(&x, &noise, &c, &c, 1.0, 0.2).unwrap_err().to_string();
    assert!(error.contains("[1 or 2, 1, 4, 5]") && error.contains("[3, 1, 4, 5]"), "{error}");
    let noise = synthetic("noise", (1, 1, 4, 5), 0.0, 1.0);
    let four = synthetic("c", 4, 0.0, 1.0);
    assert!(
        noise_bias_act(&x, &noise, &four, &c, 1.0, 0.2)
            .unwrap_err()
            .to_string()
            .contains("noise_weight")
    );
    assert!(
        noise_bias_act(&x, &noise, &c, &four, 1.0, 0.2).unwrap_err().to_string().contains("bias")
    );
}

/// Output and gradients of one of the forms.
fn all(
    f: impl Fn(&Tensor, &Tensor, &Tensor, &Tensor, f64, f64) -> Result<Tensor>,
    (n, c, h, w): (usize, usize, usize, usize),
    maps: usize,
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", (n, c, h, w), 0.0, 1.0))?;
    let weight = Var::from_tensor(&synthetic("w", c, 0.0, 1.0))?;
    let bias = Var::from_tensor(&synthetic("b", c, 0.0, 1.0))?;
    let noise = synthetic("noise", (maps, 1, h, w), 0.0, 1.0);
    let g = synthetic("g", (n, c, h, w), 1.0, 1.0);
    let y = f(&x, &noise, &weight, &bias, 0.3, 0.2)?;
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let gradients = [&x, &weight, &bias].map(|v| grads.get(v).expect("a gradient").clone());
    Ok(std::iter::once(y).chain(gradients).collect())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [(3, 100, 8, 8), (2, 3, 130, 140)] {
        assert_same_at_any_thread_count("noise_bias_act", || all(noise_bias_act, shape, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(
        n in 1usize..4, c in 1usize..7, h in 1usize..12, w in 1usize..40, own in any::<bool>(),
    ) {
        let maps = if own { n } else { 1 };
        let ours = all(noise_bias_act, (n, c, h, w), maps).unwrap();
        let expected = all(reference, (n, c, h, w), maps).unwrap();
        assert_close("y", &ours[0], &expected[0], Tolerance::KERNEL);
        assert_close("gx", &ours[1], &expected[1], Tolerance::KERNEL);
        // The reference's own sums are not exact enough to compare with.
        let gx = ours[1].to_dtype(DType::F64).unwrap();
        let noise = synthetic_f64("noise", (maps, 1, h, w), 0.0, 1.0);
        let sums = |t: &Tensor| t.sum((0, 2, 3)).unwrap();
        let expected = [sums(&gx.broadcast_mul(&noise).unwrap()), (sums(&gx) * 0.3).unwrap()];
        for (ours, expected) in ours[2..].iter().zip(&expected) {
            // Sums may cancel; their terms are of size one.
            let difference = (ours.to_dtype(DType::F64).unwrap() - expected).unwrap();
            let worst = difference.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            prop_assert!(worst < 1e-5 * ((n * h * w) as f64).sqrt(), "{:e}", worst);
        }
    }
}
