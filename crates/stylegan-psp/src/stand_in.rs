//! A perceptual distance without trained weights, for where LPIPS's are not at hand.

use candle_core::{Device, Result, Tensor};
use stylegan_ops as ops;
use stylegan_ops::random::Stream;

use crate::losses::ImageDistance;

/// The stream of random numbers that the filters are drawn from.
const STREAM: u32 = 0x57a2;

/// Channels of the three layers; the second and third halve the size.
const WIDTHS: [usize; 3] = [32, 48, 64];

/// LPIPS's form (Zhang et al. 2018, equation 1) over a convolutional network of random filters, which never learns: features of unit
/// length at every position, squared differences, means over positions, and over the layers and the image itself.
///
/// Random filters respond to edges and textures and blur away exact positions, so that the distance is nearer to the eye's than that
/// of pixels; it is no substitute for LPIPS, and its numbers cannot be compared with LPIPS's.
#[derive(Debug, Clone)]
pub struct RandomFeatures {
    filters: Vec<Tensor>,
}

impl RandomFeatures {
    /// The distance for images of `channels` channels. The same seed gives the same filters everywhere.
    ///
    /// # Errors
    /// None in practice.
    pub fn new(channels: usize, seed: u64, device: &Device) -> Result<Self> {
        let mut inputs = channels;
        let filters = WIDTHS.iter().enumerate().map(|(layer, &outputs)| {
            let shape = (outputs, inputs, 3, 3);
            let deviation = (2.0 / (inputs * 9) as f64).sqrt();
            inputs = outputs;
            Stream::new(seed, layer as u64, STREAM).normal(shape, device)?.affine(deviation, 0.0)
        });
        Ok(Self { filters: filters.collect::<Result<_>>()? })
    }

    /// The features of every layer, of unit length at every position.
    fn features(&self, images: &Tensor) -> Result<Vec<Tensor>> {
        let mut x = images.clone();
        let mut all = Vec::new();
        for (layer, filters) in self.filters.iter().enumerate() {
            let stride = if layer == 0 { 1 } else { 2 };
            x = ops::leaky_relu(&ops::conv2d(&x, filters, stride, 1, 1.0)?, 0.2)?;
            // The root of the mean square over channels, which pixel norm divides by, is the length over the root of their number.
            let share = 1.0 / (x.dim(1)? as f64).sqrt();
            all.push(ops::pixel_norm(&x, 1e-4)?.affine(share, 0.0)?);
        }
        Ok(all)
    }
}

impl ImageDistance for RandomFeatures {
    fn distance(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (of_a, of_b) = (self.features(a)?, self.features(b)?);
        let mut sum: Option<Tensor> = None;
        for (a, b) in of_a.iter().zip(&of_b) {
            let (n, _, h, w) = a.dims4()?;
            let squares = (a - b)?.sqr()?.reshape((n, ()))?.sum(1)?;
            let mean = squares.affine(1.0 / (h * w * of_a.len()) as f64, 0.0)?;
            sum = Some(match sum {
                Some(sum) => (sum + mean)?,
                None => mean,
            });
        }
        sum.ok_or_else(|| candle_core::Error::Msg("a distance of no layers".into()).bt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;
    use stylegan_testkit::synthetic;

    fn distance(a: &Tensor, b: &Tensor) -> f32 {
        let features = RandomFeatures::new(3, 0, &Device::Cpu).unwrap();
        features.distance(a, b).unwrap().to_vec1::<f32>().unwrap()[0]
    }

    #[test]
    fn it_is_a_distance_that_grows() -> Result<()> {
        let a = synthetic("a", (1, 3, 32, 32), 0.0, 0.5);
        let noise = synthetic("n", (1, 3, 32, 32), 0.0, 1.0);
        let near = (&a + (&noise * 0.05)?)?;
        let far = (&a + (&noise * 0.5)?)?;
        assert_eq!(distance(&a, &a), 0.0);
        assert!(distance(&a, &near) > 0.0 && distance(&a, &near) < distance(&a, &far));
        assert_eq!(distance(&a, &far), distance(&far, &a));
        Ok(())
    }

    #[test]
    fn descending_it_brings_images_together() -> Result<()> {
        let target = synthetic("t", (1, 3, 16, 16), 0.0, 0.5);
        let x = Var::from_tensor(&synthetic("x", (1, 3, 16, 16), 0.0, 0.5))?;
        let features = RandomFeatures::new(3, 0, &Device::Cpu)?;
        let at = |x: &Tensor| features.distance(x, &target)?.sum_all();
        let before = at(&x)?.to_scalar::<f32>()?;
        for _ in 0..20 {
            let store = at(&x)?.backward()?;
            let gradient = store.get(&x).unwrap();
            x.set(&(x.as_detached_tensor() - (gradient * 20.0)?)?)?;
        }
        let after = at(&x)?.to_scalar::<f32>()?;
        assert!(after < 0.5 * before, "{before} {after}");
        Ok(())
    }
}
