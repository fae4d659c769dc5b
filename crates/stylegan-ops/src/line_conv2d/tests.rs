//! Against the square kernel with zeros around the line; gradients; threads.

use candle_core::{Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Tolerance, assert_close, assert_same_at_any_thread_count, gradcheck, synthetic, synthetic_f64,
};

use super::{line_conv2d, reference};
use crate::conv2d;

/// The kernel in the middle of a square of zeros.
fn squared(w: &Tensor) -> Tensor {
    let taps = w.dim(2).unwrap().max(w.dim(3).unwrap());
    let axis = if w.dim(2).unwrap() == 1 { 2 } else { 3 };
    w.pad_with_zeros(axis, taps / 2, taps / 2).unwrap()
}

#[test]
fn gradients_match_finite_differences() {
    let x = synthetic_f64("x", (2, 2, 3, 4), 0.0, 1.0);
    for shape in [(3, 2, 1, 3), (3, 2, 5, 1)] {
        let w = synthetic_f64("w", shape, 0.0, 1.0);
        gradcheck(|a| line_conv2d(&a[0], &a[1]), &[x.clone(), w], Tolerance::FINITE_DIFFERENCE);
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (x, w) =
        (synthetic("x", (3, 20, 17, 17), 0.0, 1.0), synthetic("w", (24, 20, 7, 1), 0.0, 1.0));
    assert_same_at_any_thread_count("line", || Ok(vec![line_conv2d(&x, &w)?]));
}

#[test]
fn kernels_that_are_no_lines_are_refused() {
    let x = synthetic("x", (1, 2, 5, 5), 0.0, 1.0);
    for shape in [(1, 2, 3, 3), (1, 2, 1, 4), (1, 3, 1, 3)] {
        assert!(line_conv2d(&x, &synthetic("w", shape, 0.0, 1.0)).is_err(), "{shape:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_line_is_a_square_of_zeros_but_for_the_line(
        n in 1usize..3, ci in 1usize..5, co in 1usize..5, h in 1usize..10, w in 1usize..10,
        half in 0usize..4, column: bool,
    ) {
        let taps = 2 * half + 1;
        let shape = if column { (co, ci, taps, 1) } else { (co, ci, 1, taps) };
        let kernel = synthetic("w", shape, 0.0, 1.0);
        let x = Var::from_tensor(&synthetic("x", (n, ci, h, w), 0.0, 1.0)).unwrap();
        let g = synthetic("g", (n, co, h, w), 0.0, 1.0);
        let gradient = |y: &Tensor| {
            y.mul(&g).unwrap().sum_all().unwrap().backward().unwrap().get(&x).unwrap().clone()
        };
        let ours = line_conv2d(&x, &kernel).unwrap();
        let expected = conv2d(&x, &squared(&kernel), 1, half, 1.0).unwrap();
        assert_close("forward", &ours, &expected, Tolerance::REDUCTION);
        assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::REDUCTION);
        let axis = if column { 2 } else { 3 };
        let gathered = super::Patches { taps, axis };
        let gathered = x.as_tensor().apply_op1(gathered).unwrap();
        assert_close("patches", &gathered, &reference::patches(&x, taps, axis).unwrap(), Tolerance::EXACT);
    }
}
