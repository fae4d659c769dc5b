//! How much generated images differ from one another, beside real ones: a number that falls when a generator collapses.

use candle_core::{Result, Tensor};
use stylegan_ops::{downsample_box2d, upsample_nearest2d};

/// Maps of fewer pixels a side are not halved further.
const SMALLEST: usize = 8;

/// Keeps the ratio of two flat bands defined.
const EPSILON: f64 = 1e-12;

/// The smallest ratio, over bands of detail, of the deviation among generated images to that among real ones, `[]`: about 1 where
/// both are equally varied, towards 0 where generated images share their outlines or their details. `fakes` and `reals` are
/// `[N, C, H, W]`; for a single image it is 1.
///
/// A band is what halving by means of two by two takes away; the last is what is left. So one pair of eyes in all faces shows,
/// though the colours around it vary.
pub(crate) fn diversity(fakes: &Tensor, reals: &Tensor) -> Result<Tensor> {
    if fakes.dim(0)? < 2 {
        return Tensor::ones((), fakes.dtype(), fakes.device());
    }
    let ratios = bands(&fakes.detach())?.into_iter().zip(bands(&reals.detach())?);
    let ratios = ratios.map(|(fakes, reals)| {
        let (fakes, reals) = (variance(&fakes)?, variance(&reals)?);
        fakes.affine(1.0, EPSILON)?.div(&reals.affine(1.0, EPSILON)?)?.sqrt()
    });
    Tensor::stack(&ratios.collect::<Result<Vec<_>>>()?, 0)?.min(0)
}

/// From the finest to the coarsest.
fn bands(x: &Tensor) -> Result<Vec<Tensor>> {
    let mut bands = Vec::new();
    let mut x = x.clone();
    loop {
        let (_, _, h, w) = x.dims4()?;
        if h.min(w) < 2 * SMALLEST || h % 2 == 1 || w % 2 == 1 {
            bands.push(x);
            return Ok(bands);
        }
        let half = downsample_box2d(&x)?;
        bands.push((x - upsample_nearest2d(&half)?)?);
        x = half;
    }
}

/// The mean over all elements of an image of their variance over the batch.
fn variance(x: &Tensor) -> Result<Tensor> {
    x.broadcast_sub(&x.mean_keepdim(0)?)?.sqr()?.mean_all()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use stylegan_ops::random::Stream;

    use super::*;

    fn images(step: u64) -> Tensor {
        let images = Stream::new(1, step, 0).normal((64, 3, 32, 32), &Device::Cpu);
        images.unwrap()
    }

    fn of(fakes: &Tensor, reals: &Tensor) -> f32 {
        diversity(fakes, reals).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn images_alike_in_kind_have_one() {
        assert!((of(&images(0), &images(1)) - 1.0).abs() < 0.05);
        assert_eq!(of(&images(0), &images(0)), 1.0);
    }

    #[test]
    fn a_single_image_in_many_colours_has_none() {
        let colours = images(0).narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap();
        let one = images(1).narrow(0, 0, 1).unwrap();
        let fakes = one.broadcast_add(&colours).unwrap();
        assert!(of(&fakes, &images(2)) < 0.01);
    }

    #[test]
    fn blurred_images_lack_the_finest_band() {
        let blurred = upsample_nearest2d(&downsample_box2d(&images(0)).unwrap()).unwrap();
        assert!(of(&blurred, &images(1)) < 0.01);
        assert_eq!(of(&images(0).narrow(0, 0, 1).unwrap(), &images(1)), 1.0);
    }
}
