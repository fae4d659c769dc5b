//! Values, the transpose, gradients, threads.

use candle_core::{Device, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Tolerance, assert_close, assert_same_at_any_thread_count, gradcheck, synthetic, synthetic_f64,
};

use super::{Affine, AffineWarps, Warp, affine_warp, affine_warp_vjp, reference};

/// Rotation, scaling and a shift, none of them special.
fn general(angle: f64, scale: f64, shift: (f64, f64)) -> Affine {
    let (sine, cosine) = angle.sin_cos();
    [[cosine * scale, -sine * scale, shift.0], [sine * scale, cosine / scale, shift.1]]
}

fn warps() -> AffineWarps {
    AffineWarps::new(vec![
        Some(general(0.3, 1.2, (0.7, -1.4))),
        None,
        Some(general(-2.0, 0.8, (-3.0, 5.5))),
    ])
}

/// Warps a plane and gives it back as rows.
fn warped(x: &Tensor, affine: Affine) -> Vec<Vec<f64>> {
    let y = affine_warp(x, &AffineWarps::new(vec![Some(affine)])).unwrap();
    y.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2().unwrap()
}

#[test]
fn flips_quarter_turns_and_whole_shifts_move_pixels() {
    let value = |i: usize| (0.6 * (i / 9) as f64).sin() + (0.5 * (i % 9) as f64).cos();
    let x: Vec<f64> = (0..81).map(value).collect();
    let x = Tensor::from_vec(x, (1, 1, 9, 9), &Device::Cpu).unwrap();
    let rows: Vec<Vec<f64>> = x.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2().unwrap();
    let mirror = |i: isize| {
        (if i < 0 {
            -i
        } else if i > 8 {
            16 - i
        } else {
            i
        }) as usize
    };
    type Source = fn(isize, isize) -> (isize, isize);
    let cases: [(Affine, Source); 5] = [
        ([[1., 0., 0.], [0., 1., 0.]], |y, x| (y, x)),
        ([[-1., 0., 0.], [0., 1., 0.]], |y, x| (y, 8 - x)),
        ([[0., -1., 0.], [1., 0., 0.]], |y, x| (x, 8 - y)),
        ([[1., 0., 2.], [0., 1., -3.]], |y, x| (y - 3, x + 2)),
        ([[-1., 0., 1.], [0., -1., 0.]], |y, x| (8 - y, 9 - x)),
    ];
    for (affine, source) in cases {
        let found = warped(&x, affine);
        for (y, x) in (0..9).flat_map(|y| (0..9).map(move |x| (y, x))) {
            let (sy, sx) = source(y, x);
            let difference = found[y as usize][x as usize] - rows[mirror(sy)][mirror(sx)];
            // The filter undoes itself where pixels keep their order. Where they are reversed it meets its mirror image, which it undoes for smooth
            // images only: it is not symmetric. These values change by up to 0.6 from one pixel to the next.
            let bound = if affine[0][0] > 0.0 { 1e-9 } else { 0.15 };
            assert!(difference.abs() < bound, "{affine:?} at {y}, {x}: {difference:e}");
        }
    }
}

#[test]
fn a_smooth_image_is_turned_as_its_formula_says() {
    let size = 32;
    let value = |x: f64, y: f64| (0.25 * x).sin() + (0.2 * y - 0.1 * x).cos();
    let centre = 15.5;
    let pixels: Vec<f64> = (0..size * size)
        .map(|i| value((i % size) as f64 - centre, (i / size) as f64 - centre))
        .collect();
    let x = Tensor::from_vec(pixels, (1, 1, size, size), &Device::Cpu).unwrap();
    let affine = general(0.5, 1.05, (0.4, -0.3));
    let found = warped(&x, affine);
    // A window whose sources lie inside the image.
    for (row, column) in (10..22).flat_map(|r| (10..22).map(move |c| (r, c))) {
        let (px, py) = (column as f64 - centre, row as f64 - centre);
        let [sx, sy] = affine.map(|[a, b, c]| a * px + b * py + c);
        let difference = found[row][column] - value(sx, sy);
        assert!(difference.abs() < 0.01, "{row}, {column}: {difference}");
    }
}

/// Numbers of PyTorch: reflection padding, a transposed convolution, `grid_sample`, a convolution.
#[test]
fn an_independent_implementation_agrees() {
    let value = |i: usize| {
        let (row, column) = ((i / 8) as f64, (i % 8) as f64);
        (1.3 * row + 0.7 * column).sin() + 0.1 * column
    };
    let x: Vec<f64> = (0..64).map(value).collect();
    let x = Tensor::from_vec(x, (1, 1, 8, 8), &Device::Cpu).unwrap();
    let found = warped(&x, general(0.2, 1.0, (0.2, -0.4)));
    let expected = [
        (
            0,
            [
                0.9784848, 0.780398, 0.6036222, 0.3984364, 0.0610063, -0.2577239, -0.2158523,
                -0.2210698,
            ],
        ),
        (
            3,
            [
                0.4307656, -0.3876055, -0.6967408, -0.2815847, 0.6642114, 1.4343697, 1.3942022,
                1.0060669,
            ],
        ),
        (
            7,
            [
                0.9605133, 0.9020734, 0.3198995, -0.4020784, -0.5187583, 0.0450568, 0.8557505,
                1.379351,
            ],
        ),
    ];
    for (row, expected) in expected {
        for (found, expected) in found[row].iter().zip(expected) {
            assert!((found - expected).abs() < 2e-6, "row {row}: {found} {expected}");
        }
    }
}

#[test]
fn an_image_without_a_warp_keeps_its_bits() -> Result<()> {
    let x = synthetic("x", (3, 2, 12, 7), 0.0, 1.0);
    let y = affine_warp(&x, &warps())?;
    let flat = |t: &Tensor| t.get(1)?.flatten_all()?.to_vec1::<f32>();
    assert_eq!(flat(&x)?, flat(&y)?);
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    let x = [synthetic_f64("x", (3, 1, 5, 4), 0.0, 1.0)];
    gradcheck(|a| affine_warp(&a[0], &warps())?.sqr(), &x, Tolerance::FINITE_DIFFERENCE);
    gradcheck(|a| affine_warp_vjp(&a[0], &warps())?.sqr(), &x, Tolerance::FINITE_DIFFERENCE);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let x = synthetic("x", (3, 3, 32, 32), 0.0, 1.0);
    assert_same_at_any_thread_count("affine_warp", || {
        Ok(vec![affine_warp(&x, &warps())?, affine_warp_vjp(&x, &warps())?])
    });
}

#[test]
fn impossible_arguments_are_refused() {
    let x = synthetic("x", (2, 1, 4, 4), 0.0, 1.0);
    let error = affine_warp(&x, &warps()).unwrap_err().to_string();
    assert!(error.contains("3 warps for 2 images"), "{error}");
    for affine in [[[f64::NAN; 3]; 2], [[1e9, 0., 0.], [0., 1., 0.]]] {
        let error = affine_warp(&x, &AffineWarps::new(vec![Some(affine), None])).unwrap_err();
        assert!(error.to_string().contains("reads"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernel_equals_the_reference_and_the_vjp_is_the_transpose(
        // A line that is turned would be read too many times over, and is refused.
        (h, w) in (4usize..20, 4usize..24),
        angle in -3.2f64..3.2,
        scale in 0.5f64..2.0,
        shift in (-9f64..9.0, -9f64..9.0),
    ) {
        let warps = AffineWarps::new(vec![Some(general(angle, scale, shift)), None]);
        let x = Var::from_tensor(&synthetic("x", (2, 3, h, w), 0.0, 1.0)).unwrap();
        let g = synthetic("g", (2, 3, h, w), 0.0, 1.0);
        for transposed in [false, true] {
            let ours = if transposed { affine_warp_vjp(&x, &warps) } else { affine_warp(&x, &warps) }.unwrap();
            let op = Warp::new("affine_warp", &x, &warps, transposed).unwrap();
            let expected = reference::apply(&x, &op.taps, &op.plans, transposed).unwrap();
            assert_close("values", &ours, &expected, Tolerance::KERNEL);
            let gradient = |y: &Tensor| {
                let grads = y.mul(&g).unwrap().sum_all().unwrap().backward().unwrap();
                grads.get(&x).unwrap().clone()
            };
            assert_close("gradient", &gradient(&ours), &gradient(&expected), Tolerance::KERNEL);
        }
        let inner = |a: &Tensor, b: &Tensor| {
            let product = a.mul(b).unwrap().to_dtype(candle_core::DType::F64).unwrap();
            product.sum_all().unwrap().to_scalar::<f64>().unwrap()
        };
        let (y, gx) = (affine_warp(&x, &warps).unwrap(), affine_warp_vjp(&g, &warps).unwrap());
        let (left, right) = (inner(&y, &g), inner(&x, &gx));
        prop_assert!((left - right).abs() < 1e-4 * (1.0 + left.abs()), "{left} {right}");
    }
}
