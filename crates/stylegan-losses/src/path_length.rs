//! Path length regularisation of StyleGAN2's generator (Karras et al. 2020, section 3.2).

use candle_core::{DType, Result, Tensor};

/// Below this square, a length counts as zero: the slope of a square root at 0 is infinite.
const SMALLEST_SQUARE: f64 = 1e-30;

/// The root of the mean over layers of the squared norms: gradients `[N, layers, w_dim]` of `sum(image * noise)` with respect to the
/// styles to lengths `[N]`.
///
/// # Errors
/// Those of candle's operations.
pub fn path_lengths(gradient: &Tensor) -> Result<Tensor> {
    gradient.sqr()?.sum(2)?.mean(1)?.maximum(SMALLEST_SQUARE)?.sqrt()
}

/// Noise over the root of the number of pixels: normal numbers `[N, C, H, W]` to the cotangent whose gradient is measured.
///
/// # Errors
/// If the noise does not have four dimensions.
pub fn path_cotangent(noise: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = noise.dims4()?;
    noise.affine(1.0 / ((h * w) as f64).sqrt(), 0.0)
}

/// The regulariser's numbers; `Default` is the paper's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathLength {
    /// Factor on the penalty (2).
    pub weight: f64,
    /// How far the running mean of lengths moves towards a batch's (0.01).
    pub decay: f64,
}

impl Default for PathLength {
    fn default() -> Self {
        Self { weight: 2.0, decay: 0.01 }
    }
}

/// What [`PathLength::evaluate`] found.
#[derive(Debug, Clone)]
pub struct PathLengthEvaluation {
    /// The mean penalty, a scalar to call `backward` on.
    pub loss: Tensor,
    /// Each sample's length `[N]`.
    pub lengths: Tensor,
    /// The running mean after this batch, `[]` in float32, to be given to the next.
    pub mean: Tensor,
}

impl PathLength {
    /// The penalty `weight * (length - mean)^2` on styles' gradients `[N, layers, w_dim]` (see [`path_lengths`]), where the mean is the
    /// running `mean` `[]` after it moved towards this batch. In the gradient the mean is a constant.
    ///
    /// # Errors
    /// Those of candle's operations.
    pub fn evaluate(&self, gradient: &Tensor, mean: &Tensor) -> Result<PathLengthEvaluation> {
        let lengths = path_lengths(gradient)?;
        let before = mean.to_dtype(DType::F64)?;
        let batch = lengths.detach().to_dtype(DType::F64)?.mean_all()?;
        let mean = (&before + (batch - &before)?.affine(self.decay, 0.0)?)?.to_dtype(DType::F32)?;
        let centred = lengths.broadcast_sub(&mean.to_dtype(lengths.dtype())?)?;
        let loss = centred.sqr()?.mean_all()?;
        Ok(PathLengthEvaluation { loss: loss.affine(self.weight, 0.0)?, lengths, mean })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn hand_worked_values() -> Result<()> {
        // Two layers of norms 3 and 4: the root of 12.5. Two of norm 2: 2.
        let gradient = [[[3f64, 0.0], [0.0, 4.0]], [[2.0, 0.0], [0.0, 2.0]]];
        let gradient = Tensor::new(&gradient, &Device::Cpu)?;
        let lengths = path_lengths(&gradient)?.to_vec1::<f64>()?;
        assert_eq!(lengths, [12.5f64.sqrt(), 2.0]);
        let how = PathLength { weight: 3.0, decay: 0.5 };
        let found = how.evaluate(&gradient, &Tensor::new(0f32, &Device::Cpu)?)?;
        let mean = f64::from(found.mean.to_scalar::<f32>()?);
        assert!((mean - (12.5f64.sqrt() + 2.0) / 4.0).abs() < 1e-6);
        let expected = 3.0 * ((12.5f64.sqrt() - mean).powi(2) + (2.0 - mean).powi(2)) / 2.0;
        assert!((found.loss.to_scalar::<f64>()? - expected).abs() < 1e-9);
        Ok(())
    }

    #[test]
    fn a_zero_gradient_is_penalised_without_nan() -> Result<()> {
        let gradient = Var::zeros((2, 3, 4), DType::F32, &Device::Cpu)?;
        let found = PathLength::default().evaluate(&gradient, &Tensor::new(1f32, &Device::Cpu)?)?;
        let slopes = found.loss.backward()?;
        let slope = slopes.get(&gradient).map(|g| g.sqr()?.sum_all()?.to_scalar::<f32>());
        assert_eq!(slope.transpose()?, Some(0.0));
        Ok(())
    }

    #[test]
    fn the_cotangent_has_the_pixels_root() -> Result<()> {
        let noise = Tensor::full(6f32, (1, 1, 2, 2), &Device::Cpu)?;
        assert_eq!(path_cotangent(&noise)?.flatten_all()?.to_vec1::<f32>()?, [3.0; 4]);
        Ok(())
    }
}
