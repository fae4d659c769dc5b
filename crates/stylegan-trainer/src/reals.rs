//! Real images as the discriminator sees them.

use candle_core::{DType, Device, Result, Tensor, bail};
use stylegan_ops as ops;

/// Bytes `[n, channels, height, width]` as values from -1 to 1, reduced by `halvings` 2x2 means to
/// the resolution of the level of detail, and faded to that resolution's half by `fade`, as
/// generated images are.
///
/// The official loop enlarges the result to full resolution by pixel repetition, which the
/// discriminator then undoes; here the images stay small.
pub fn process(
    bytes: &[u8],
    (n, channels, height, width): (usize, usize, usize, usize),
    halvings: usize,
    fade: f64,
    device: &Device,
) -> Result<Tensor> {
    if bytes.len() != n * channels * height * width {
        let expected = n * channels * height * width;
        bail!("a batch of {n} images has {} bytes, expected {expected}", bytes.len());
    }
    let shape = (n, channels, height, width);
    let mut x = if device.is_cpu() {
        let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
        Tensor::from_vec(values, shape, device)?
    } else {
        // Bytes are a quarter of what has to be copied otherwise.
        ops::upload(bytes, shape, device)?.to_dtype(DType::F32)?.affine(1.0 / 127.5, -1.0)?
    };
    for _ in 0..halvings {
        x = ops::downsample_box2d(&x)?;
    }
    if fade > 0.0 {
        let coarse = ops::upsample_nearest2d(&ops::downsample_box2d(&x)?)?;
        x = (x.affine(1.0 - fade, 0.0)? + coarse.affine(fade, 0.0)?)?;
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_fade_shows_the_coarser_image() -> Result<()> {
        let bytes = [0, 255, 255, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
        let half = process(&bytes, (1, 1, 4, 4), 0, 1.0, &Device::Cpu)?;
        let half = half.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(half[..4], [0.5; 4]);
        let small = process(&bytes, (1, 1, 4, 4), 1, 0.0, &Device::Cpu)?;
        assert_eq!(small.flatten_all()?.to_vec1::<f32>()?, [0.5, 0.5, -1.0, -1.0]);
        Ok(())
    }
}
