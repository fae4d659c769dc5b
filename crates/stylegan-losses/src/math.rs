//! Functions of scores.

use candle_core::{Result, Tensor};

/// `log(1 + exp(x))`, elementwise, for any shape; no overflow for any finite `x`.
///
/// Its derivative is the sigmoid everywhere, also at 0 where forms made of `relu` and `abs` have none.
///
/// # Errors
/// Those of candle's operations.
pub fn softplus(x: &Tensor) -> Result<Tensor> {
    // log(exp(x - m) + exp(-m)) + m for any constant m; with m = max(x, 0) no exponent is positive.
    let m = x.detach().relu()?;
    ((x - &m)?.exp()? + m.neg()?.exp()?)?.log()? + m
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};
    use stylegan_testkit::{Tolerance, gradcheck};

    #[test]
    fn known_values_without_overflow() -> Result<()> {
        let x = Tensor::new(&[-1e4f64, -1.0, 0.0, 1.0, 800.0, 1e4], &Device::Cpu)?;
        let y = softplus(&x)?.to_vec1::<f64>()?;
        let expected = [0.0, 0.31326168751822286, 2f64.ln(), 1.3132616875182228, 800.0, 1e4];
        for (y, expected) in y.iter().zip(expected) {
            assert!((y - expected).abs() <= 1e-12 * expected.max(1.0), "{y} {expected}");
        }
        Ok(())
    }

    #[test]
    fn the_derivative_is_the_sigmoid_also_at_zero() -> Result<()> {
        let x = Var::new(&[0f32, 100.0, -100.0, f32::MAX], &Device::Cpu)?;
        let gradients = softplus(&x)?.sum_all()?.backward()?;
        let gradient = gradients.get(&x).map(|g| g.to_vec1::<f32>()).transpose()?;
        assert_eq!(gradient, Some(vec![0.5, 1.0, (-100f32).exp(), 1.0]));
        Ok(())
    }

    #[test]
    fn matches_finite_differences() -> Result<()> {
        let x = Tensor::new(&[-3.0, -0.5, 0.0, 0.7, 4.0], &Device::Cpu)?;
        gradcheck(|x| softplus(&x[0]), &[x], Tolerance::FINITE_DIFFERENCE);
        Ok(())
    }
}
