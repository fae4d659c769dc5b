//! Values, gradients, threads.

use candle_core::{Device, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Tolerance, assert_close, assert_same_at_any_thread_count, gradcheck, synthetic, synthetic_f64,
};

use crate::random::Stream;

use super::{Geometry, Window, avg_pool2d, max_pool2d, reference};

#[test]
fn hand_worked_windows() {
    let x = Tensor::new(&[[[[1f32, 5., 2.], [0., -3., 4.], [7., 1., 1.]]]], &Device::Cpu);
    let x = x.unwrap();
    let values = |y: Tensor| y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(max_pool2d(&x, Window::new(2, 1)).unwrap()), [5., 5., 7., 4.]);
    assert_eq!(values(max_pool2d(&x, Window::new(2, 2)).unwrap()), [5.]);
    assert_eq!(values(avg_pool2d(&x, Window::new(3, 3)).unwrap()), [2.]);
    // The corner's window holds four of nine places.
    let padded = values(avg_pool2d(&x, Window::new(3, 1).padded(1)).unwrap());
    assert_eq!((padded[0], padded[4]), (0.75, 2.0));
}

#[test]
fn gradients_match_finite_differences() {
    let x = [synthetic_f64("x", (2, 2, 5, 6), 0.0, 1.0)];
    for window in [Window::new(2, 2), Window::new(3, 2).cut_off(), Window::new(3, 1).padded(1)] {
        gradcheck(|a| max_pool2d(&a[0], window), &x, Tolerance::FINITE_DIFFERENCE);
        gradcheck(|a| avg_pool2d(&a[0], window), &x, Tolerance::FINITE_DIFFERENCE);
    }
}

#[test]
fn of_equal_elements_one_gets_the_gradient() {
    let x = Var::zeros((1, 1, 4, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
    let loss = max_pool2d(&x, Window::new(2, 2)).unwrap().sum_all().unwrap();
    let gradient = loss.backward().unwrap().get(&x).unwrap().flatten_all().unwrap();
    assert_eq!(gradient.to_vec1::<f32>().unwrap().iter().sum::<f32>(), 4.0);
    assert_eq!(gradient.to_vec1::<f32>().unwrap()[0], 1.0);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let x = synthetic("x", (3, 20, 34, 66), 0.0, 1.0);
    assert_same_at_any_thread_count("pooling", || {
        let window = Window::new(3, 2);
        Ok(vec![max_pool2d(&x, window)?, avg_pool2d(&x, window)?])
    });
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let x = synthetic("x", (1, 1, 2, 8), 0.0, 1.0);
    let error = max_pool2d(&x, Window::new(3, 2)).unwrap_err().to_string();
    assert!(error.contains("window's size 3") && error.contains("got 2"), "{error}");
    assert!(max_pool2d(&x, Window::new(2, 0)).is_err());
    assert!(max_pool2d(&x, Window::new(2, 1).padded(2)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(
        c in 1usize..4, h in 3usize..20, w in 3usize..40,
        kernel in 1usize..4, stride in 1usize..4, padding in 0usize..2, ceil: bool, largest: bool,
    ) {
        let window = Window { kernel, stride, padding: padding.min(kernel / 2), ceil };
        // No two elements are equal: candle's maximum shares a gradient between equal ones, the kernel gives it to the first.
        let order = Stream::new(0, 0, 0).permutation(2 * c * h * w);
        let x: Vec<f32> = order.iter().map(|&place| place as f32 / 1024.0 - 2.0).collect();
        let x = Var::from_vec(x, (2, c, h, w), &Device::Cpu).unwrap();
        let geometry = Geometry::of("test", &x, window).unwrap();
        let gradient = |y: &Tensor| {
            let g = synthetic("g", y.shape().clone(), 0.0, 1.0);
            y.mul(&g).unwrap().sum_all().unwrap().backward().unwrap().get(&x).unwrap().clone()
        };
        let ours = super::pool("test", &x, window, largest).unwrap();
        let expected = reference::pool(&x, &geometry, largest).unwrap();
        assert_close("forward", &ours, &expected, Tolerance::KERNEL);
        assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::KERNEL);
    }
}
