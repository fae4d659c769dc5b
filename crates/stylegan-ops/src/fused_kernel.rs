//! Kernels of a convolution joined with a factor-2 resampling ("fused scale" of Progressive GAN and StyleGAN).

use candle_core::{Result, Tensor, bail};

/// [Co, Ci, 3, 3] -> [Co, Ci, 4, 4]: the sum of the four copies of w shifted by (0 or 1, 0 or 1).
///
/// For the transposed convolution of the official networks (Karras et al. 2018, `upscale2d_conv2d`):
/// `conv2d_input_vjp(x, fused_up_kernel(w) with the channel axes exchanged, (2H, 2W), 2, 1)` equals nearest-neighbour upsampling by 2 followed by a 3x3
/// convolution with padding 1 by w **mirrored in both spatial axes**: a transposed convolution spreads its kernel out as
/// it stands, where a convolution reads it mirrored. The unfused path of the official networks does not mirror, so with the same stored
/// weight the two are different functions. Differentiable in w.
///
/// # Errors
/// If w has not 4 dimensions.
pub fn fused_up_kernel(w: &Tensor) -> Result<Tensor> {
    shifted_sum("fused_up_kernel", w)
}

/// [Co, Ci, 3, 3] -> [Co, Ci, 4, 4]: a quarter of the sum of the four copies of w shifted by (0 or 1, 0 or 1).
///
/// `conv2d(x, fused_down_kernel(w), 2, 1)` equals a 3x3 convolution by w with padding 1 followed by 2x2 averaging, borders included
/// (Karras et al. 2018, `conv2d_downscale2d`). Differentiable in w.
///
/// # Errors
/// If w has not 4 dimensions.
pub fn fused_down_kernel(w: &Tensor) -> Result<Tensor> {
    shifted_sum("fused_down_kernel", w)? * 0.25
}

fn shifted_sum(op: &str, w: &Tensor) -> Result<Tensor> {
    if w.rank() != 4 {
        bail!("{op}: expected a weight [Co, Ci, K, K], got {:?}", w.dims());
    }
    // one axis at a time: w[k] + w[k - 1] over K + 1 taps
    let rows = (w.pad_with_zeros(2, 0, 1)? + w.pad_with_zeros(2, 1, 0)?)?;
    rows.pad_with_zeros(3, 0, 1)? + rows.pad_with_zeros(3, 1, 0)?
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Result, Tensor, Var};

    use super::{fused_down_kernel, fused_up_kernel};
    use crate::{conv2d, conv2d_input_vjp};

    fn ramp(shape: (usize, usize, usize, usize)) -> Result<Tensor> {
        let count = shape.0 * shape.1 * shape.2 * shape.3;
        let values: Vec<f64> = (0..count).map(|i| ((i * 37 % 101) as f64 - 50.0) / 50.0).collect();
        Tensor::from_vec(values, shape, &Device::Cpu)
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f64> {
        assert_eq!(a.dims(), b.dims());
        (a - b)?.abs()?.max_all()?.to_scalar()
    }

    #[test]
    fn a_kernel_of_ones_overlaps_more_in_the_middle() -> Result<()> {
        let kernel = fused_up_kernel(&Tensor::ones((1, 1, 3, 3), DType::F64, &Device::Cpu)?)?;
        let rows = kernel.reshape((4, 4))?.to_vec2::<f64>()?;
        assert_eq!(rows, [[1., 2., 2., 1.], [2., 4., 4., 2.], [2., 4., 4., 2.], [1., 2., 2., 1.]]);
        Ok(())
    }

    #[test]
    fn down_is_a_convolution_then_the_mean_of_2x2() -> Result<()> {
        let (x, w) = (ramp((2, 3, 6, 8))?, ramp((4, 3, 3, 3))?);
        let fused = conv2d(&x, &fused_down_kernel(&w)?, 2, 1, 1.0)?;
        let mean = conv2d(&x, &w, 1, 1, 1.0)?.reshape((2, 4, 3, 2, 4, 2))?;
        let mean = (mean.sum(5)?.sum(3)? * 0.25)?;
        assert!(largest_difference(&fused, &mean)? < 1e-12);
        Ok(())
    }

    #[test]
    fn up_is_nearest_then_a_convolution_by_the_mirrored_kernel() -> Result<()> {
        let (x, w) = (ramp((2, 3, 5, 4))?, ramp((4, 3, 3, 3))?);
        let kernel = fused_up_kernel(&w)?.transpose(0, 1)?.contiguous()?;
        let fused = conv2d_input_vjp(&x, &kernel, (10, 8), 2, 1, 1.0)?;
        let large = x.unsqueeze(3)?.unsqueeze(5)?.broadcast_as((2, 3, 5, 2, 4, 2))?;
        let large = large.contiguous()?.reshape((2, 3, 10, 8))?;
        let reversed = Tensor::new(&[2u32, 1, 0], &Device::Cpu)?;
        let mirrored = w.index_select(&reversed, 2)?.index_select(&reversed, 3)?;
        let apart = conv2d(&large, &mirrored, 1, 1, 1.0)?;
        assert!(largest_difference(&fused, &apart)? < 1e-12);
        Ok(())
    }

    #[test]
    fn gradients_reach_the_weight() -> Result<()> {
        let w = Var::from_tensor(&ramp((1, 1, 3, 3))?)?;
        let gradients = fused_down_kernel(&w)?.sum_all()?.backward()?;
        // every element appears in four copies, a quarter each
        let gradient = gradients.get(&w).expect("tracked").flatten_all()?.to_vec1::<f64>()?;
        assert_eq!(gradient, [1.0; 9]);
        assert!(fused_up_kernel(&Tensor::zeros(3, DType::F32, &Device::Cpu)?).is_err());
        Ok(())
    }
}
