//! Values, robustness, gradients, threads.

use candle_core::{DType, Result, Tensor, Var};
use proptest::prelude::*;
use stylegan_testkit::{
    Form, Tolerance, assert_close, assert_same_at_any_thread_count, every_form, gradcheck,
    synthetic, synthetic_f64,
};

use super::{BatchStatistics, batch_norm, batch_statistics, reference};

const EPS: f64 = 1e-5;

every_form!(a_normalized_channel_has_the_wanted_mean_and_variance, |form: &Form| {
    let x = ((form.tensor("x", (4, 3, 7, 5)) * 3.0).unwrap() + 5.0).unwrap();
    let ones = form.tensor("ones", 3).ones_like().unwrap();
    let own = batch_statistics(&x).unwrap();
    let y =
        batch_norm(&x, &(&ones * 2.0).unwrap(), &(&ones * 7.0).unwrap(), &own, 0.0, true).unwrap();
    let found = batch_statistics(&y).unwrap();
    form.assert_close("mean", &found.mean, &(&ones * 7.0).unwrap());
    form.assert_close("variance", &found.variance, &(&ones * 4.0).unwrap());
});

#[test]
fn given_statistics_make_it_an_affine_function() -> Result<()> {
    let x = synthetic("x", (2, 3, 4, 5), 0.0, 1.0);
    let given = BatchStatistics {
        mean: synthetic("m", 3, 0.0, 1.0),
        variance: synthetic("v", 3, 2.0, 0.2),
    };
    let (weight, bias) = (synthetic("w", 3, 1.0, 0.2), synthetic("b", 3, 0.0, 1.0));
    let y = batch_norm(&x, &weight, &bias, &given, EPS, false)?;
    let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
    let (mean, variance) = (flat(&given.mean)?, flat(&given.variance)?);
    let (weight, bias) = (flat(&weight)?, flat(&bias)?);
    for (i, (x, y)) in flat(&x)?.into_iter().zip(flat(&y)?).enumerate() {
        let c = i / 20 % 3;
        let expected = (x - mean[c]) / (variance[c] + EPS as f32).sqrt() * weight[c] + bias[c];
        assert!((y - expected).abs() < 1e-5, "{i}: {y} {expected}");
    }
    Ok(())
}

#[test]
fn a_large_mean_does_not_spoil_the_variance() -> Result<()> {
    for side in [3, 200] {
        let x = synthetic("x", (2, 2, side, side), 1000.0, 1.0);
        let expected = reference::statistics(&x.to_dtype(DType::F64)?)?;
        let found = batch_statistics(&x)?;
        assert_close("variance", &found.variance, &expected.variance, Tolerance::REDUCTION);
        assert_close("mean", &found.mean, &expected.mean, Tolerance::REDUCTION);
    }
    Ok(())
}

#[test]
fn gradients_match_finite_differences() {
    let x = synthetic_f64("x", (2, 3, 2, 2), 0.5, 1.0);
    let (weight, bias) = (synthetic_f64("w", 3, 1.0, 0.2), synthetic_f64("b", 3, 0.0, 1.0));
    gradcheck(
        |a| batch_norm(&a[0], &a[1], &a[2], &batch_statistics(&a[0])?, EPS, true),
        &[x, weight, bias],
        Tolerance::FINITE_DIFFERENCE,
    );
}

/// Output and gradients.
fn all(
    f: impl Fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    shape: &[usize],
    dtype: DType,
) -> Result<Vec<Tensor>> {
    let x = Var::from_tensor(&synthetic("x", shape, 0.5, 1.0).to_dtype(dtype)?)?;
    let weight = Var::from_tensor(&synthetic("w", shape[1], 1.0, 0.2).to_dtype(dtype)?)?;
    let bias = Var::from_tensor(&synthetic("b", shape[1], 0.0, 1.0).to_dtype(dtype)?)?;
    let g = synthetic("g", shape, 1.0, 1.0).to_dtype(dtype)?;
    let y = f(&x, &weight, &bias)?;
    let grads = y.mul(&g)?.sum_all()?.backward()?;
    let gradients = [&x, &weight, &bias].map(|v| grads.get(v).expect("a gradient").clone());
    Ok(std::iter::once(y).chain(gradients).collect())
}

fn own(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    batch_norm(x, weight, bias, &batch_statistics(x)?, EPS, true)
}

fn given(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let channels = weight.dim(0)?;
    let tensor = |name, mean| synthetic(name, channels, mean, 0.1).to_dtype(x.dtype());
    let statistics = BatchStatistics { mean: tensor("mean", 0.0)?, variance: tensor("var", 1.0)? };
    batch_norm(x, weight, bias, &statistics, EPS, false)
}

#[test]
fn only_tracked_arguments_get_a_gradient() -> Result<()> {
    let x = Var::from_tensor(&synthetic("x", (2, 3, 4, 4), 0.0, 1.0))?;
    let (weight, bias) = (synthetic("w", 3, 1.0, 0.1), synthetic("b", 3, 0.0, 1.0));
    let grads = own(&x, &weight, &bias)?.sqr()?.sum_all()?.backward()?;
    assert!(grads.get(&x).is_some());
    assert!(grads.get(&weight).is_none() && grads.get(&bias).is_none());
    Ok(())
}

#[test]
fn bits_do_not_depend_on_threads() {
    for shape in [[3, 100, 8, 8], [2, 3, 130, 140]] {
        assert_same_at_any_thread_count("batch_norm", || all(own, &shape, DType::F32));
    }
}

#[test]
fn wrong_arguments_are_refused() -> Result<()> {
    let x = synthetic("x", (2, 3, 4, 4), 0.0, 1.0);
    let (three, four) = (synthetic("a", 3, 1.0, 0.1), synthetic("b", 4, 1.0, 0.1));
    let statistics = batch_statistics(&x)?;
    let error = batch_norm(&x, &three, &four, &statistics, EPS, true).unwrap_err().to_string();
    assert!(error.contains("bias [3]") && error.contains("[4]"), "{error}");
    assert!(batch_statistics(&synthetic("x", 3, 0.0, 1.0)).is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_equal_the_reference(n in 2usize..5, c in 1usize..6, h in 2usize..14, w in 2usize..40) {
        for shape in [vec![n, c, h, w], vec![n + 3, c]] {
            for (f, name) in [(own as fn(&_, &_, &_) -> _, "own"), (given, "given")] {
                let ours = all(f, &shape, DType::F32).unwrap();
                let expected = all(f, &shape, DType::F64).unwrap();
                for i in 0..4 {
                    let tolerance = Tolerance::new(2e-4, "gradients of few elements cancel");
                    assert_close(&format!("{name} {i}"), &ours[i], &expected[i], tolerance);
                }
            }
        }
    }
}
