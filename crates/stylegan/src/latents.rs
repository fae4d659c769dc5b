//! Latents from seeds, and the ways between them.

use candle_core::{Device, Result, Tensor};
use stylegan_ops::random::Stream;

/// The stream of random numbers that a seed's latent is drawn from.
const LATENT_STREAM: u32 = 0x1a7e;

/// One latent a seed, from a normal distribution: `[seeds, dim]`. A seed gives the same latent
/// whatever stands beside it.
pub fn latents(seeds: &[u64], dim: usize, device: &Device) -> Result<Tensor> {
    let rows = seeds
        .iter()
        .map(|&seed| Stream::new(seed, 0, LATENT_STREAM).normal((1, dim), device))
        .collect::<Result<Vec<_>>>()?;
    Tensor::cat(&rows, 0)
}

/// `a + (b - a) * t`.
pub fn lerp(a: &Tensor, b: &Tensor, t: f64) -> Result<Tensor> {
    a.affine(1.0 - t, 0.0)? + b.affine(t, 0.0)?
}

/// Spherical interpolation of the rows of `a` and `b` `[N, dim]`, after both are normalised; the
/// results have unit length (Karras et al. 2019, section 4.1).
pub fn slerp(a: &Tensor, b: &Tensor, t: f64) -> Result<Tensor> {
    let a = normalized(a)?;
    let b = normalized(b)?;
    let cosine = (&a * &b)?.sum_keepdim(1)?.clamp(-1.0, 1.0)?;
    // acos is not among candle's operations; one number a row is cheap enough here.
    let angles: Vec<f64> =
        cosine.flatten_all()?.to_dtype(candle_core::DType::F64)?.to_vec1::<f64>()?;
    let angles: Vec<f64> = angles.into_iter().map(|c| c.acos() * t).collect();
    let angle = Tensor::from_vec(angles, (a.dim(0)?, 1), a.device())?.to_dtype(a.dtype())?;
    let direction = normalized(&(&b - a.broadcast_mul(&cosine)?)?)?;
    let along = a.broadcast_mul(&angle.cos()?)?;
    normalized(&(along + direction.broadcast_mul(&angle.sin()?)?)?)
}

/// Rows of unit length.
fn normalized(x: &Tensor) -> Result<Tensor> {
    // The floor keeps a row of zeros (the direction between equal points) at zero.
    x.broadcast_div(&x.sqr()?.sum_keepdim(1)?.sqrt()?.clamp(1e-12, f64::MAX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slerp_ends_at_its_ends_and_stays_on_the_sphere() -> Result<()> {
        let device = Device::Cpu;
        let a = Tensor::new(&[[3f64, 0.0], [1.0, 1.0]], &device)?;
        let b = Tensor::new(&[[0f64, 2.0], [1.0, 1.0]], &device)?;
        let half = slerp(&a, &b, 0.5)?.to_vec2::<f64>()?;
        let r = 0.5f64.sqrt();
        for row in half {
            assert!((row[0] - r).abs() < 1e-9 && (row[1] - r).abs() < 1e-9, "{row:?}");
        }
        assert!((slerp(&a, &b, 1.0)?.to_vec2::<f64>()?[0][1] - 1.0).abs() < 1e-9);
        Ok(())
    }

    #[test]
    fn a_seed_means_the_same_latent_in_any_company() -> Result<()> {
        let both = latents(&[5, 9], 8, &Device::Cpu)?;
        let alone = latents(&[9], 8, &Device::Cpu)?;
        assert_eq!(both.to_vec2::<f32>()?[1], alone.to_vec2::<f32>()?[0]);
        Ok(())
    }
}
