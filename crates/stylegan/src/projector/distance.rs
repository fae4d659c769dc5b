//! A distance of images without a network: for where no trained features are at hand.

use candle_core::{Result, Tensor};
use stylegan_ops as ops;

/// The smallest side that is still compared.
const SMALLEST: usize = 4;

/// Squared differences of pixels, at the full size and at every halved one down to 4 pixels, each a mean, and their mean: large shapes count as
/// much as details. `a` and `b` `[N, C, H, W]` to a scalar, differentiable in both.
///
/// This is not a perceptual distance: it knows no features, and prefers blur to details in the wrong place.
///
/// # Errors
/// If the shapes differ.
pub fn multi_scale_pixels(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let mut difference = (a - b)?;
    let mut sum = difference.sqr()?.mean_all()?;
    let mut levels = 1.0;
    loop {
        let (_, _, h, w) = difference.dims4()?;
        if h % 2 != 0 || w % 2 != 0 || h.min(w) / 2 < SMALLEST {
            return sum.affine(1.0 / levels, 0.0);
        }
        difference = ops::downsample_box2d(&difference)?;
        sum = (sum + difference.sqr()?.mean_all()?)?;
        levels += 1.0;
    }
}

/// How much neighbouring elements of noise maps `[1, 1, H, W]` depend on each other, at every halved size down to 8 pixels: the square of the mean
/// product with the map moved by one, across and down (Karras et al. 2020, "Analyzing and improving", appendix D). A scalar.
///
/// # Errors
/// For maps of another rank.
pub(super) fn noise_correlation<'a>(
    maps: impl IntoIterator<Item = &'a Tensor>,
    like: &Tensor,
) -> Result<Tensor> {
    let mut sum = Tensor::zeros((), like.dtype(), like.device())?;
    for map in maps {
        let mut map = map.clone();
        loop {
            let (_, _, h, w) = map.dims4()?;
            for dim in [2, 3] {
                sum = (sum + (&map * map.roll(1, dim)?)?.mean_all()?.sqr()?)?;
            }
            if h.min(w) <= 8 || h % 2 != 0 || w % 2 != 0 {
                break;
            }
            // A mean of four independent numbers has half their deviation.
            map = ops::downsample_box2d(&map)?;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use stylegan_ops::random::Stream;

    #[test]
    fn levels_are_averaged() -> Result<()> {
        let a = Tensor::zeros((1, 1, 8, 8), candle_core::DType::F32, &Device::Cpu)?;
        let flat = multi_scale_pixels(&a, &a.affine(1.0, 0.5)?)?.to_scalar::<f32>()?;
        assert_eq!(flat, 0.25);
        // A chequerboard is gone at half the size.
        let board: Vec<f32> =
            (0..64).map(|i| if (i / 8 + i) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let board = Tensor::from_vec(board, (1, 1, 8, 8), &Device::Cpu)?;
        assert_eq!(multi_scale_pixels(&a, &board)?.to_scalar::<f32>()?, 0.5);
        Ok(())
    }

    #[test]
    fn smooth_maps_are_correlated_and_white_ones_are_not() -> Result<()> {
        let white = Stream::new(1, 1, 1).normal((1, 1, 32, 32), &Device::Cpu)?;
        let smooth = ops::blur(&white)?;
        let of = |map: &Tensor| noise_correlation([map], &white)?.to_scalar::<f32>();
        assert!(of(&white)? < 0.05, "{}", of(&white)?);
        assert!(of(&white.ones_like()?)? > 1.9);
        let scaled = (&smooth / f64::from(smooth.sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt())?;
        assert!(of(&scaled)? > 5.0 * of(&white)?);
        Ok(())
    }
}
