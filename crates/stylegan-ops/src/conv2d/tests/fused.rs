//! Convolution with bias and activation as one, against the two apart.

use candle_core::{Result, Tensor, Var};
use stylegan_testkit::{
    Tolerance, assert_same_at_any_thread_count, assert_same_bits, gradcheck, synthetic,
    synthetic_f64,
};

use super::super::{conv2d, conv2d_bias_act};
use crate::bias_act;

/// Output and the gradients of x, w and bias.
fn all(
    f: impl Fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    (size, kernel): (usize, usize),
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", (2, 17, size, size), 0.0, 1.0))?;
    let w = Var::from_tensor(&synthetic("w", (19, 17, kernel, kernel), 0.0, 1.0))?;
    let bias = Var::from_tensor(&synthetic("b", 19, 0.0, 1.0))?;
    let y = f(&x, &w, &bias)?;
    let g = synthetic("g", y.shape(), 0.0, 1.0);
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let gradients = [&x, &w, &bias].map(|v| grads.get(v).expect("tracked").clone());
    Ok(std::iter::once(y).chain(gradients).collect())
}

/// Size of the map, kernel, stride, padding: one of each way to convolve.
const CASES: [(usize, usize, usize, usize); 4] =
    [(16, 3, 1, 1), (8, 4, 2, 1), (4, 3, 1, 1), (9, 1, 1, 0)];

#[test]
fn one_operation_gives_the_bits_of_two() -> Result<()> {
    for (size, kernel, stride, padding) in CASES {
        for slope in [None, Some(0.2)] {
            let one = all(
                |x, w, b| conv2d_bias_act(x, w, (stride, padding), 0.3, b, 0.7, slope),
                (size, kernel),
            )?;
            let two = all(
                |x, w, b| bias_act(&conv2d(x, w, stride, padding, 0.3)?, b, 0.7, slope),
                (size, kernel),
            )?;
            for (name, (one, two)) in ["y", "gx", "gw", "gbias"].iter().zip(one.iter().zip(&two)) {
                assert_same_bits(name, one, two);
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    let inputs = [
        synthetic_f64("x", (2, 3, 5, 4), 0.0, 1.0),
        synthetic_f64("w", (4, 3, 3, 3), 0.0, 1.0),
        synthetic_f64("b", 4, 0.0, 1.0),
    ];
    gradcheck(
        |a| conv2d_bias_act(&a[0], &a[1], (1, 1), 0.3, &a[2], 0.7, Some(0.2)),
        &inputs,
        Tolerance::FINITE_DIFFERENCE,
    );
}

#[test]
fn only_tracked_arguments_get_a_gradient() -> Result<()> {
    let x = Var::from_tensor(&synthetic("x", (1, 2, 4, 4), 0.0, 1.0))?;
    let (w, bias) = (synthetic("w", (3, 2, 3, 3), 0.0, 1.0), synthetic("b", 3, 0.0, 1.0));
    let y = conv2d_bias_act(&x, &w, (1, 1), 1.0, &bias, 1.0, Some(0.2))?;
    let grads = y.sum_all()?.backward()?;
    assert!(grads.get(&x).is_some() && grads.get(&w).is_none() && grads.get(&bias).is_none());
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (size, kernel, stride, padding) in CASES {
        assert_same_at_any_thread_count("conv2d_bias_act", || {
            all(
                |x, w, b| conv2d_bias_act(x, w, (stride, padding), 0.3, b, 0.7, Some(0.2)),
                (size, kernel),
            )
        });
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let x = synthetic("x", (1, 2, 4, 4), 0.0, 1.0);
    let (w, bias) = (synthetic("w", (3, 2, 3, 3), 0.0, 1.0), synthetic("b", 2, 0.0, 1.0));
    let error = conv2d_bias_act(&x, &w, (1, 1), 1.0, &bias, 1.0, None).unwrap_err().to_string();
    assert!(error.contains("bias [3]") && error.contains("[2]"), "{error}");
    let bias = synthetic("b", 3, 0.0, 1.0);
    assert!(conv2d_bias_act(&x, &w, (1, 1), 1.0, &bias, 1.0, Some(-1.0)).is_err());
}
