//! Penalties on the gradient of scores with respect to images.

use candle_core::{Result, Tensor};

/// Below this square, a norm counts as zero: the slope of a square root at 0 is infinite.
const SMALLEST_SQUARE: f64 = 1e-30;

/// The sum of squares of each sample: `[N, ...]` to `[N]`. Half of it times `gamma` is the R1 or R2 penalty.
///
/// # Errors
/// Those of candle's operations.
pub fn squared_norms(gradient: &Tensor) -> Result<Tensor> {
    gradient.sqr()?.flatten_from(1)?.sum(1)
}

/// `lambda / target^2 * (|gradient| - target)^2` per sample: `[N, ...]` to `[N]`.
///
/// With target 1 this is the gradient penalty of Gulrajani et al. 2017, section 4; the division by the target's square
/// is that of Progressive GAN (appendix D.1 there calls the target gamma).
///
/// # Errors
/// Those of candle's operations.
pub fn gradient_penalty(gradient: &Tensor, lambda: f64, target: f64) -> Result<Tensor> {
    let norms = squared_norms(gradient)?.maximum(SMALLEST_SQUARE)?.sqrt()?;
    norms.affine(1.0, -target)?.sqr()?.affine(lambda / (target * target), 0.0)
}

/// Images between real and generated ones, `real + alpha * (fake - real)`, one `alpha` a sample: `[N, C, H, W]` twice
/// and `[N]` to `[N, C, H, W]`, detached.
///
/// # Errors
/// Where the shapes do not fit.
pub fn interpolate(real: &Tensor, fake: &Tensor, alpha: &Tensor) -> Result<Tensor> {
    let (real, fake) = (real.detach(), fake.detach());
    let mut shape = vec![1; real.rank()];
    shape[0] = real.dim(0)?;
    let alpha = alpha.detach().to_dtype(real.dtype())?.reshape(shape)?;
    &real + (fake - &real)?.broadcast_mul(&alpha)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn hand_worked_values() -> Result<()> {
        let gradient = Tensor::new(&[[3.0f64, 4.0], [0.0, 0.5]], &Device::Cpu)?;
        assert_eq!(squared_norms(&gradient)?.to_vec1::<f64>()?, [25.0, 0.25]);
        assert_eq!(gradient_penalty(&gradient, 10.0, 1.0)?.to_vec1::<f64>()?, [160.0, 2.5]);
        assert_eq!(gradient_penalty(&gradient, 10.0, 2.0)?.to_vec1::<f64>()?, [22.5, 5.625]);
        Ok(())
    }

    #[test]
    fn a_zero_gradient_is_penalised_without_nan() -> Result<()> {
        let gradient = Var::new(&[[0f32; 4]], &Device::Cpu)?;
        let penalty = gradient_penalty(&gradient, 10.0, 1.0)?;
        assert_eq!(penalty.to_vec1::<f32>()?, [10.0]);
        let slopes = penalty.sum_all()?.backward()?;
        let slope = slopes.get(&gradient).map(|g| g.to_vec2::<f32>()).transpose()?;
        assert_eq!(slope, Some(vec![vec![0.0; 4]]));
        Ok(())
    }

    #[test]
    fn alpha_zero_is_real_and_one_is_fake() -> Result<()> {
        let real = Tensor::full(-1f32, (3, 1, 1, 2), &Device::Cpu)?;
        let fake = Tensor::full(3f32, (3, 1, 1, 2), &Device::Cpu)?;
        let alpha = Tensor::new(&[0f32, 1.0, 0.25], &Device::Cpu)?;
        let between = interpolate(&real, &fake, &alpha)?.flatten_from(1)?.to_vec2::<f32>()?;
        assert_eq!(between, [[-1.0; 2], [3.0; 2], [0.0; 2]]);
        Ok(())
    }
}
