//! Pictures on their way from a file to a training set: decoded, cropped, resized.

pub(crate) mod decode;
pub(crate) mod resample;

pub use decode::MAX_SIDE;
pub use resample::{Crop, Filter};

use crate::dataset::Image;

/// A decoded picture, pixel by pixel: `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 (grey), 3 (RGB) or 4 (RGB and straight alpha).
    pub channels: usize,
    /// `height * width * channels` bytes.
    pub data: Vec<u8>,
}

impl Pixels {
    /// The same picture channel by channel.
    pub fn to_planes(&self) -> Image {
        let Self { width, height, channels, .. } = *self;
        if channels == 1 {
            return Image { width, height, channels, data: self.data.clone() };
        }
        let mut data = vec![0; self.data.len()];
        let area = width * height;
        for (at, pixel) in self.data.chunks_exact(channels).enumerate() {
            for (c, &value) in pixel.iter().enumerate() {
                data[c * area + at] = value;
            }
        }
        Image { width, height, channels, data }
    }

    /// A picture that is stored channel by channel.
    pub fn from_planes(image: &Image) -> Self {
        let Image { width, height, channels, ref data } = *image;
        if channels == 1 {
            return Self { width, height, channels, data: data.clone() };
        }
        let area = width * height;
        let pixels = (0..area).flat_map(|at| (0..channels).map(move |c| data[c * area + at]));
        Self { width, height, channels, data: pixels.collect() }
    }

    /// The picture with 1, 3 or 4 channels: grey by the luma of BT.709, as in the decoder; a
    /// transparent one is laid on white.
    pub fn with_channels(self, channels: usize) -> Self {
        if channels == self.channels {
            return self;
        }
        let Self { width, height, channels: from, data } = self;
        let data = match (from, channels) {
            (1, 3) => data.iter().flat_map(|&v| [v, v, v]).collect(),
            (1, 4) => data.iter().flat_map(|&v| [v, v, v, 255]).collect(),
            (3, 4) => data.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
            (3, 1) => data.chunks_exact(3).map(luma).collect(),
            (4, 3) => decode::on_white::<4>(&data),
            (4, 1) => decode::on_white::<4>(&data).chunks_exact(3).map(luma).collect(),
            _ => data,
        };
        Self { width, height, channels, data }
    }
}

/// The luma of an RGB pixel with the weights and the rounding of the `image` package.
fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((2126 * red + 7152 * green + 722 * blue + 5000) / 10_000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_and_pixels_are_each_others_inverse() {
        let data: Vec<u8> = (0..24).collect();
        let pixels = Pixels { width: 4, height: 2, channels: 3, data };
        let planes = pixels.to_planes();
        assert_eq!(planes.data[..5], [0, 3, 6, 9, 12]);
        assert_eq!(Pixels::from_planes(&planes), pixels);
    }

    #[test]
    fn channels_change_as_in_the_decoder() {
        let rgb = image::RgbImage::from_fn(5, 4, |x, y| {
            image::Rgb([(x * 50) as u8, (y * 60) as u8, (x * y * 9) as u8])
        });
        let pixels = Pixels { width: 5, height: 4, channels: 3, data: rgb.as_raw().clone() };
        let image = image::DynamicImage::from(rgb);
        assert_eq!(pixels.clone().with_channels(1).data, image.to_luma8().into_raw());
        assert_eq!(pixels.with_channels(4).data, image.to_rgba8().into_raw());
    }
}
