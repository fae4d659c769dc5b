//! Forward values: kernels, reference and plain loops; linearity, adjointness; errors.

use candle_core::{Device, Result, Tensor};
use proptest::prelude::*;

use super::super::reference;
use super::{Case, SCALE, dot, random, relative_error, single};

/// What float32 sums of a few thousand products of order one may lose, far below any mistake.
const TOLERANCE: f64 = 5e-6;

/// All three kernels against the reference in float64.
fn check(case: Case) -> Result<()> {
    let geo = case.geometry()?;
    let (x, w, g) = (case.x()?, case.w()?, case.g()?);
    let (x32, w32, g32) = (single(&x)?, single(&w)?, single(&g)?);
    let pairs = [
        ("conv2d", case.forward(&x32, &w32)?, reference::forward(&x, &w, &geo, SCALE)?),
        ("input", case.input_vjp(&g32, &w32)?, reference::input_vjp(&g, &w, &geo, SCALE)?),
        ("weight", case.weight_vjp(&x32, &g32)?, reference::weight_vjp(&x, &g, &geo, SCALE)?),
    ];
    for (name, ours, expected) in pairs {
        let error = relative_error(&ours, &expected)?;
        assert!(error < TOLERANCE, "{name} of {case:?}: relative error {error:e}");
    }
    Ok(())
}

/// Where Winograd's transforms would be used, the direct sum is several times as exact.
#[test]
fn direct_sums_are_exact() -> Result<()> {
    for sizes in [[8, 64, 48, 16, 16, 3, 1, 1], [1, 130, 66, 32, 32, 3, 1, 1]] {
        let case = Case::new(sizes);
        let (geo, x, w) = (case.geometry()?, case.x()?, case.w()?);
        let expected = reference::forward(&x, &w, &geo, SCALE)?;
        let direct = super::super::conv2d_direct(&single(&x)?, &single(&w)?, 1, 1, SCALE)?;
        let error = relative_error(&direct, &expected)?;
        let fast = relative_error(&case.forward(&single(&x)?, &single(&w)?)?, &expected)?;
        assert!(error < 7e-7 && error < fast, "{case:?}: {error:e}, not direct {fast:e}");
    }
    Ok(())
}

/// Sizes that a trainer meets, and those at the edges of every way the kernels cut their work.
#[test]
fn kernels_match_the_reference_at_the_sizes_that_matter() -> Result<()> {
    for sizes in [
        // 3x3 stride 1: one image, large, merged batch, many channels, more than one band, not square
        [1, 3, 5, 64, 64, 3, 1, 1],
        [2, 16, 16, 33, 47, 3, 1, 1],
        [8, 64, 32, 4, 4, 3, 1, 1],
        [5, 20, 24, 8, 8, 3, 1, 1],
        [3, 40, 33, 16, 16, 3, 1, 1],
        [1, 130, 66, 32, 32, 3, 1, 1],
        [2, 96, 96, 12, 20, 3, 1, 1],
        [70, 9, 7, 4, 4, 3, 1, 1],
        [1, 4, 4, 130, 66, 3, 1, 1],
        [1, 2, 3, 7, 1100, 3, 1, 1],
        // Winograd: tiles that overhang, tile rows that span blocks, many small maps, channels that fill no vector
        [8, 17, 19, 9, 10, 3, 1, 1],
        [1, 16, 50, 5, 203, 3, 1, 1],
        [40, 21, 48, 4, 4, 3, 1, 1],
        [1, 16, 16, 37, 64, 3, 1, 1],
        [6, 140, 16, 11, 13, 3, 1, 1],
        // 1x1: few inputs, few outputs
        [2, 40, 3, 40, 40, 1, 1, 0],
        [2, 3, 40, 40, 40, 1, 1, 0],
        [9, 33, 3, 4, 4, 1, 1, 0],
        [1, 1, 1, 64, 64, 1, 1, 0],
        // 4x4 stride 2
        [2, 12, 10, 32, 32, 4, 2, 1],
        [8, 24, 16, 8, 8, 4, 2, 1],
        [1, 8, 8, 66, 130, 4, 2, 1],
        // direct sums: every phase of the stride, bands, channels in blocks, more padding than the kernel
        [1, 70, 37, 34, 29, 4, 2, 1],
        [2, 9, 40, 75, 40, 5, 2, 2],
        [1, 150, 20, 40, 44, 2, 1, 3],
        [1, 12, 18, 50, 47, 3, 3, 1],
        [1, 5, 6, 64, 65, 7, 1, 3],
        [2, 3, 4, 40, 40, 2, 3, 0],
        // a whole-map kernel, and others
        [4, 32, 32, 4, 4, 4, 1, 0],
        [2, 6, 5, 31, 29, 7, 2, 3],
        [2, 6, 5, 31, 29, 5, 3, 0],
        [1, 3, 2, 9, 9, 2, 1, 4],
    ] {
        check(Case::new(sizes))?;
    }
    Ok(())
}

/// The promise of the fast form for many channels, where its rounding errors are largest.
#[test]
fn winograd_keeps_to_its_error_bound() -> Result<()> {
    let case = Case::new([2, 256, 256, 16, 16, 3, 1, 1]);
    let geo = case.geometry()?;
    let (x, w, g) = (case.x()?, case.w()?, case.g()?);
    let (x32, w32, g32) = (single(&x)?, single(&w)?, single(&g)?);
    for (name, ours, expected) in [
        ("conv2d", case.forward(&x32, &w32)?, reference::forward(&x, &w, &geo, SCALE)?),
        ("input", case.input_vjp(&g32, &w32)?, reference::input_vjp(&g, &w, &geo, SCALE)?),
        ("weight", case.weight_vjp(&x32, &g32)?, reference::weight_vjp(&x, &g, &geo, SCALE)?),
    ] {
        let error = relative_error(&ours, &expected)?;
        assert!(error < 1e-5, "{name}: relative error {error:e}");
    }
    Ok(())
}

/// The definition, written out.
fn plain_loops(case: Case) -> Result<Tensor> {
    let x = case.x()?.flatten_all()?.to_vec1::<f64>()?;
    let w = case.w()?.flatten_all()?.to_vec1::<f64>()?;
    let (n, ci, co, k) = (case.batch, case.in_channels, case.out_channels, case.kernel);
    let (h, wd, ho, wo) = (case.height, case.width, case.out(case.height), case.out(case.width));
    let mut y = Vec::new();
    for (image, o, i, j) in (0..n).flat_map(|image| {
        (0..co).flat_map(move |o| (0..ho).flat_map(move |i| (0..wo).map(move |j| (image, o, i, j))))
    }) {
        let mut sum = 0.0;
        for (c, u, v) in
            (0..ci).flat_map(|c| (0..k).flat_map(move |u| (0..k).map(move |v| (c, u, v))))
        {
            let row = (i * case.stride + u).wrapping_sub(case.padding);
            let column = (j * case.stride + v).wrapping_sub(case.padding);
            if row < h && column < wd {
                sum += x[((image * ci + c) * h + row) * wd + column]
                    * w[((o * ci + c) * k + u) * k + v];
            }
        }
        y.push(sum * SCALE);
    }
    Tensor::from_vec(y, (n, co, ho, wo), &Device::Cpu)
}

fn any_case() -> impl Strategy<Value = Case> {
    let sizes = (1usize..5, 1usize..7, 1usize..7, 1usize..14, 1usize..18, 1usize..8, 1usize..4);
    (sizes, 0usize..5)
        .prop_map(|((n, ci, co, h, w, k, s), p)| Case::new([n, ci, co, h, w, k, s, p]))
        .prop_filter("the kernel must fit", |case| {
            case.height.min(case.width) + 2 * case.padding >= case.kernel
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_match_the_reference(case in any_case()) {
        check(case).map_err(|e| TestCaseError::fail(e.to_string()))?;
    }

    #[test]
    fn the_reference_is_the_definition(case in any_case()) {
        let run = || -> Result<f64> {
            let y = reference::forward(&case.x()?, &case.w()?, &case.geometry()?, SCALE)?;
            relative_error(&y, &plain_loops(case)?)
        };
        let error = run().map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(error < 1e-13, "relative error {error:e}");
    }

    /// <conv2d(x, w), g> = <x, input_vjp(g, w)> = <w, weight_vjp(x, g)>.
    #[test]
    fn the_three_are_adjoint(case in any_case()) {
        let run = || -> Result<(f64, f64, f64)> {
            let (x, w, g) = (single(&case.x()?)?, single(&case.w()?)?, single(&case.g()?)?);
            let y = case.forward(&x, &w)?;
            Ok((dot(&y, &g)?, dot(&x, &case.input_vjp(&g, &w)?)?, dot(&w, &case.weight_vjp(&x, &g)?)?))
        };
        let (a, b, c) = run().map_err(|e| TestCaseError::fail(e.to_string()))?;
        let size = 1e-4 * (1.0 + a.abs());
        prop_assert!((a - b).abs() < size && (a - c).abs() < size, "{a} {b} {c}");
    }

    #[test]
    fn conv2d_is_linear(case in any_case(), factor in -2.0f64..2.0) {
        let run = || -> Result<f64> {
            let (x, w) = (single(&case.x()?)?, single(&case.w()?)?);
            let other = single(&random(x.shape(), 9)?)?;
            let joined = case.forward(&((&x * factor)? + &other)?, &w)?;
            let apart = ((case.forward(&x, &w)? * factor)? + case.forward(&other, &w)?)?;
            relative_error(&joined, &apart)
        };
        let error = run().map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(error < 1e-5, "relative error {error:e}");
    }
}

#[test]
fn strided_arguments_are_read_right() -> Result<()> {
    let case = Case::new([2, 6, 5, 10, 12, 3, 1, 1]);
    let (x, w) = (single(&case.x()?)?, single(&case.w()?)?);
    let expected = case.forward(&x, &w)?;
    let strided_x = x.transpose(1, 3)?.contiguous()?.transpose(1, 3)?;
    let strided_w = w.transpose(0, 1)?.contiguous()?.transpose(0, 1)?;
    assert!(!strided_x.is_contiguous());
    let offset = Tensor::cat(&[&x, &x], 0)?.narrow(0, 2, 2)?;
    for y in [case.forward(&strided_x, &strided_w)?, case.forward(&offset, &w)?] {
        assert_eq!(relative_error(&y, &expected)?, 0.0);
    }
    Ok(())
}

#[test]
fn empty_sums_are_zero() -> Result<()> {
    let x = Tensor::zeros((2, 0, 5, 5), candle_core::DType::F32, &Device::Cpu)?;
    let w = Tensor::zeros((3, 0, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
    let y = super::super::conv2d(&x, &w, 1, 1, 1.0)?;
    assert_eq!(y.dims(), [2, 3, 5, 5]);
    assert_eq!(super::values(&y)?.iter().sum::<f64>(), 0.0);
    Ok(())
}

#[test]
fn wrong_shapes_are_named() -> Result<()> {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu);
    let (x, w) = (zeros(&[1, 4, 8, 8])?, zeros(&[6, 4, 3, 3])?);
    let message = |result: Result<Tensor>| match result {
        Ok(y) => format!("no error, got {:?}", y.dims()),
        Err(error) => error.to_string(),
    };
    for (got, expected) in [
        (super::super::conv2d(&x, &zeros(&[6, 5, 3, 3])?, 1, 1, 1.), "input's 4 channels, got 5"),
        (super::super::conv2d(&x, &zeros(&[6, 4, 3, 1])?, 1, 1, 1.), "square kernel, got 3x1"),
        (super::super::conv2d(&x, &zeros(&[4, 3, 3])?, 1, 1, 1.), "4 dimensions, got [4, 3, 3]"),
        (super::super::conv2d(&x, &w, 0, 1, 1.), "stride of at least 1, got 0"),
        (super::super::conv2d(&zeros(&[1, 4, 2, 8])?, &w, 1, 0, 1.), "size 3, got 2"),
        (
            super::super::conv2d_input_vjp(&zeros(&[1, 6, 8, 7])?, &w, (8, 8), 1, 1, 1.),
            "cotangent of 8x8 for an input of 8x8 with kernel 3, stride 1 and padding 1, got 8x7",
        ),
        (
            super::super::conv2d_weight_vjp(&x, &zeros(&[2, 6, 8, 8])?, 3, 1, 1, 1.),
            "batch 1 as the input's, got 2",
        ),
    ] {
        let message = message(got);
        assert!(message.contains(expected), "expected '{expected}' in '{message}'");
    }
    Ok(())
}
