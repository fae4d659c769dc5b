//! What the kernels stand for, the forms against each other, gradients.

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_same_at_any_thread_count, assert_same_bits, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{Kind, apply, fused_down_kernel, fused_up_kernel, reference};
use crate::{conv2d, conv2d_input_vjp, flip_kernel, upsample_nearest2d};

const KINDS: [Kind; 3] = [Kind::Up { mirrored: false }, Kind::Up { mirrored: true }, Kind::Down];

every_form!(a_kernel_of_ones_overlaps_more_in_the_middle, |form: &Form| {
    let ones = form.tensor("w", (1, 1, 3, 3)).ones_like().unwrap();
    let kernel = fused_up_kernel(&ones, true).unwrap().reshape((4, 4)).unwrap();
    let rows = [[1f32, 2., 2., 1.], [2., 4., 4., 2.], [2., 4., 4., 2.], [1., 2., 2., 1.]];
    form.assert_close("kernel", &kernel, &Tensor::new(&rows, &form.device).unwrap());
});

every_form!(down_is_a_convolution_then_the_mean_of_2x2, |form: &Form| {
    let (x, w) = (form.tensor("x", (2, 3, 6, 8)), form.tensor("w", (4, 3, 3, 3)));
    let fused = conv2d(&x, &fused_down_kernel(&w).unwrap(), 2, 1, 1.0).unwrap();
    let apart = conv2d(&x, &w, 1, 1, 1.0).unwrap().reshape((2, 4, 3, 2, 4, 2)).unwrap();
    let apart = (apart.sum(5).unwrap().sum(3).unwrap() * 0.25).unwrap();
    form.assert_close("down", &fused, &apart);
});

every_form!(up_is_repetition_then_a_convolution, |form: &Form| {
    let (x, w) = (form.tensor("x", (2, 3, 5, 4)), form.tensor("w", (4, 3, 3, 3)));
    let large = upsample_nearest2d(&x).unwrap();
    for mirrored in [false, true] {
        let kernel = fused_up_kernel(&w, mirrored).unwrap();
        let fused = conv2d_input_vjp(&x, &kernel, (10, 8), 2, 1, 1.0).unwrap();
        let w = if mirrored { w.clone() } else { flip_kernel(&w).unwrap() };
        form.assert_close("up", &fused, &conv2d(&large, &w, 1, 1, 1.0).unwrap());
    }
});

#[test]
fn gradients_match_finite_differences() {
    for kind in KINDS {
        let w = synthetic_f64("w", (2, 3, 3, 3), 0.0, 1.0);
        gradcheck(|a| apply(&a[0], kind)?.sqr(), &[w], Tolerance::FINITE_DIFFERENCE);
    }
}

#[test]
fn other_kernels_are_refused() {
    let w = Tensor::zeros((2, 2, 5, 5), DType::F32, &Device::Cpu).unwrap();
    let error = fused_up_kernel(&w, false).unwrap_err().to_string();
    assert!(error.contains("fused_up_kernel") && error.contains("[2, 2, 5, 5]"), "{error}");
}

/// The kernel and the gradient of w.
fn both(
    f: impl Fn(&Tensor, Kind) -> Result<Tensor>,
    (outputs, inputs): (usize, usize),
    kind: Kind,
) -> Result<Vec<Tensor>> {
    let w = Var::from_tensor(&synthetic("w", (outputs, inputs, 3, 3), 0.0, 1.0))?;
    let kernel = f(&w, kind)?;
    let g = synthetic("g", kernel.shape(), 0.0, 1.0);
    let gradient = (&kernel * g)?.sum_all()?.backward()?.get(&w).expect("tracked").clone();
    Ok(vec![kernel, gradient])
}

#[test]
fn bits_do_not_depend_on_threads() {
    for kind in KINDS {
        assert_same_at_any_thread_count("fused kernel", || both(apply, (37, 21), kind));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(outputs in 1usize..9, inputs in 1usize..9, kind in 0usize..3) {
        let kind = KINDS[kind];
        let ours = both(apply, (outputs, inputs), kind).unwrap();
        let expected = both(reference::fused_kernel, (outputs, inputs), kind).unwrap();
        assert_same_bits("kernel", &ours[0], &expected[0]);
        assert_same_bits("gradient", &ours[1], &expected[1]);
    }
}
