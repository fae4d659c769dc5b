//! Values by hand and against the reference, adjointness, gradients, threads.

use candle_core::{DType, Device, Result, Tensor, Var};
use proptest::prelude::*;

use super::{Product, linear, linear_input_vjp, linear_weight_vjp, reference};

fn random(rows: usize, columns: usize, seed: u64) -> Result<Tensor> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f64> = (0..rows * columns)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from((f64::from((state >> 33) as u32) / f64::from(1u32 << 30) - 1.0) as f32)
        })
        .collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu)
}

fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f64> {
    assert_eq!(a.dims(), b.dims());
    (a.to_dtype(DType::F64)? - b.to_dtype(DType::F64)?)?.abs()?.max_all()?.to_scalar()
}

/// Arguments of the three products for x [n, i], w [o, i], g [n, o].
fn arguments(n: usize, i: usize, o: usize) -> Result<[(Product, Tensor, Tensor); 3]> {
    let (x, w, g) = (random(n, i, 1)?, random(o, i, 2)?, random(n, o, 3)?);
    Ok([
        (Product::Output, x.clone(), w.clone()),
        (Product::Input, g.clone(), w),
        (Product::Weight, x, g),
    ])
}

fn check(n: usize, i: usize, o: usize) -> Result<()> {
    for (product, a, b) in arguments(n, i, o)? {
        let ours = product.apply(&a.to_dtype(DType::F32)?, &b.to_dtype(DType::F32)?, 0.5)?;
        let expected = reference::product(product, &a, &b, 0.5)?;
        let bound = 1e-6 * (n.max(i).max(o) as f64 + 4.0);
        let error = largest_difference(&ours, &expected)?;
        assert!(error < bound, "{product:?} of n {n}, i {i}, o {o}: {error:e}");
    }
    Ok(())
}

#[test]
fn kernels_match_the_reference_at_the_sizes_that_matter() -> Result<()> {
    for (n, i, o) in
        [(8, 512, 512), (16, 128, 256), (1, 512, 1024), (4, 8192, 512), (5, 512, 1), (300, 20, 7)]
    {
        check(n, i, o)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_match_the_reference(n in 1usize..40, i in 1usize..70, o in 1usize..70) {
        check(n, i, o).map_err(|e| TestCaseError::fail(e.to_string()))?;
    }

    #[test]
    fn the_three_are_adjoint(n in 1usize..9, i in 1usize..40, o in 1usize..40) {
        let run = || -> Result<[f64; 3]> {
            let [(_, x, w), (_, g, _), _] = arguments(n, i, o)?;
            let (x, w, g) = (x.to_dtype(DType::F32)?, w.to_dtype(DType::F32)?, g.to_dtype(DType::F32)?);
            let dot = |a: &Tensor, b: &Tensor| -> Result<f64> {
                (a.to_dtype(DType::F64)? * b.to_dtype(DType::F64)?)?.sum_all()?.to_scalar()
            };
            Ok([
                dot(&linear(&x, &w, 1.5)?, &g)?,
                dot(&x, &linear_input_vjp(&g, &w, 1.5)?)?,
                dot(&w, &linear_weight_vjp(&x, &g, 1.5)?)?,
            ])
        };
        let [a, b, c] = run().map_err(|e| TestCaseError::fail(e.to_string()))?;
        let bound = 1e-4 * (1.0 + a.abs());
        prop_assert!((a - b).abs() < bound && (a - c).abs() < bound, "{a} {b} {c}");
    }
}

/// Backward in float32 against differences of the reference in float64, for a loss with a second derivative; through the two
/// products that are gradients this is the second order.
#[test]
fn gradients_match_finite_differences() -> Result<()> {
    let step = 1e-4;
    for (product, a, b) in arguments(3, 4, 5)? {
        let loss = |a: &Tensor, b: &Tensor| -> Result<Tensor> {
            let out = product.apply(a, b, 0.5)?;
            let weights = random(out.dim(0)?, out.dim(1)?, 7)?.to_dtype(out.dtype())?;
            (out.sqr()? * weights)?.sum_all()
        };
        let (va, vb) = (
            Var::from_tensor(&a.to_dtype(DType::F32)?)?,
            Var::from_tensor(&b.to_dtype(DType::F32)?)?,
        );
        let gradients = loss(&va, &vb)?.backward()?;
        for (index, (at, var)) in [(&a, &va), (&b, &vb)].into_iter().enumerate() {
            let got = gradients.get(var).expect("tracked").to_dtype(DType::F64)?;
            let got = got.flatten_all()?.to_vec1::<f64>()?;
            let start = at.flatten_all()?.to_vec1::<f64>()?;
            for i in 0..start.len() {
                let side = |sign: f64| -> Result<f64> {
                    let mut moved = start.clone();
                    moved[i] += sign * step;
                    let moved = Tensor::from_vec(moved, at.shape(), &Device::Cpu)?;
                    let value = if index == 0 { loss(&moved, &b)? } else { loss(&a, &moved)? };
                    value.to_scalar()
                };
                let expected = (side(1.0)? - side(-1.0)?) / (2.0 * step);
                let error = (got[i] - expected).abs();
                assert!(
                    error < 1e-5 * (1.0 + expected.abs()),
                    "{product:?}: {} {expected}",
                    got[i]
                );
            }
        }
    }
    Ok(())
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() -> Result<()> {
    for (product, a, b) in arguments(16, 300, 200)? {
        let (a, b) = (a.to_dtype(DType::F32)?, b.to_dtype(DType::F32)?);
        let mut first: Option<Vec<f32>> = None;
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map_err(candle_core::Error::wrap)?;
            let out =
                pool.install(|| product.apply(&a, &b, 1.0)?.flatten_all()?.to_vec1::<f32>())?;
            let first = first.get_or_insert_with(|| out.clone());
            assert!(
                first.iter().zip(&out).all(|(a, b)| a.to_bits() == b.to_bits()),
                "{product:?} at {threads}"
            );
        }
    }
    Ok(())
}

#[test]
fn wrong_shapes_are_named() -> Result<()> {
    let message = |result: Result<Tensor>| result.err().map(|e| e.to_string()).unwrap_or_default();
    let (x, w) = (random(2, 3, 1)?, random(4, 5, 1)?);
    assert!(
        message(linear(&x, &w, 1.0)).contains("linear: expected equal inner sizes, got 3 and 5")
    );
    assert!(message(linear(&x.flatten_all()?, &w, 1.0)).contains("expected two matrices, got [6]"));
    assert!(message(linear_weight_vjp(&x, &w, 1.0)).contains("got 2 and 4"));
    Ok(())
}
