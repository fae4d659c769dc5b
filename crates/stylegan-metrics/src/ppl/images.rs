//! Images as the distance sees them: cropped, reduced.

use candle_core::{Result, Tensor, bail};

use super::protocol::Protocol;

/// The size from which on images are reduced.
const LARGEST: usize = 256;

/// The middle of an aligned face (Karras et al. 2019, section 4.1): of a height of 8 c, the rows 3 c to 7 c and the columns 2 c to 6 c. Images
/// `[N, C, H, W]` to `[N, C, H/2, H/2]`.
///
/// # Errors
/// If an image is no square of at least 8 pixels.
pub fn crop_face(images: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    let c = height / 8;
    if c == 0 || height != width {
        bail!("the crop to a face needs squares of at least 8 pixels, got {height}x{width}");
    }
    images.narrow(2, 3 * c, 4 * c)?.narrow(3, 2 * c, 4 * c)?.contiguous()
}

/// How many pixels of a side become one before images of `height` are compared, if they were `cropped` before.
pub fn reduction(protocol: Protocol, height: usize, cropped: bool) -> usize {
    let seen = match protocol {
        Protocol::Ada => height,
        Protocol::Stylegan1 | Protocol::Stylegan2 if cropped => height / 8 * 4,
        Protocol::Stylegan1 | Protocol::Stylegan2 => height,
    };
    (seen / LARGEST).max(1)
}

/// Crop and reduction by means over squares.
///
/// # Errors
/// As [`crop_face`], and where the reduction does not divide the size.
pub fn prepare(images: &Tensor, protocol: Protocol, crop: bool) -> Result<Tensor> {
    let factor = reduction(protocol, images.dim(2)?, crop);
    let images = if crop { crop_face(images)? } else { images.clone() };
    box_reduce(&images, factor)
}

/// Means over squares of `factor` pixels a side.
///
/// # Errors
/// Where the factor does not divide the size.
pub fn box_reduce(images: &Tensor, factor: usize) -> Result<Tensor> {
    if factor <= 1 {
        return Ok(images.clone());
    }
    let (n, channels, height, width) = images.dims4()?;
    if height % factor != 0 || width % factor != 0 {
        bail!("images of {height}x{width} cannot be reduced {factor} times");
    }
    let (rows, columns) = (height / factor, width / factor);
    let blocks = images.contiguous()?.reshape((n * channels * rows, factor, columns, factor))?;
    blocks.mean(3)?.mean(1)?.reshape((n, channels, rows, columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_crop_is_the_middle_of_a_face() {
        let image =
            Tensor::arange(0f32, 256.0, &Device::Cpu).unwrap().reshape((1, 1, 16, 16)).unwrap();
        let face = crop_face(&image).unwrap();
        assert_eq!(face.dims(), [1, 1, 8, 8]);
        let face = face.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((face[0], face[63]), (6.0 * 16.0 + 4.0, 13.0 * 16.0 + 11.0));
        assert!(crop_face(&image.narrow(3, 0, 8).unwrap()).is_err());
    }

    #[test]
    fn protocols_compare_at_their_own_sizes() {
        let side = |protocol, height, crop| {
            let images =
                Tensor::zeros((1, 1, height, height), candle_core::DType::F32, &Device::Cpu);
            prepare(&images.unwrap(), protocol, crop).unwrap().dim(3).unwrap()
        };
        assert_eq!(side(Protocol::Stylegan1, 1024, true), 256);
        assert_eq!(side(Protocol::Stylegan2, 1024, true), 256);
        assert_eq!(side(Protocol::Ada, 1024, true), 128);
        for protocol in Protocol::ALL {
            assert_eq!(side(protocol, 1024, false), 256);
            assert_eq!(side(protocol, 256, true), 128);
            assert_eq!(side(protocol, 32, true), 16);
        }
    }

    #[test]
    fn reduction_takes_means() {
        let image =
            Tensor::new(&[[1f32, 3.0, 0.0, 0.0], [5.0, 7.0, 0.0, 4.0]], &Device::Cpu).unwrap();
        let small = box_reduce(&image.reshape((1, 1, 2, 4)).unwrap(), 2).unwrap();
        assert_eq!(small.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [4.0, 1.0]);
    }
}
