//! Pictures as bytes: from a network's output, side by side in a grid, to PNG and GIF files.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use image::codecs::gif::{GifEncoder, Repeat};
use image::{ColorType, Delay, Frame, RgbaImage};

use crate::failure::{Failure, OrFail};

/// A picture of 1 (grey), 3 (RGB) or 4 (RGBA) channels, 8 bits each, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Channels, interleaved in `data`.
    pub channels: usize,
    /// `height * width * channels` bytes.
    pub data: Vec<u8>,
}

impl Picture {
    /// Turns images `[N, C, H, W]` in -1..1 into N pictures, clipping as the official code does.
    ///
    /// # Errors
    ///
    /// When the tensor has another rank.
    pub fn from_tensor(images: &Tensor) -> Result<Vec<Self>, Failure> {
        let (count, channels, height, width) = images.dims4()?;
        let values = images.permute((0, 2, 3, 1))?.flatten_all()?.to_dtype(DType::F32)?;
        let values = values.to_vec1::<f32>()?;
        let size = channels * height * width;
        // `as u8` saturates, and turns a NaN into 0.
        let byte = |value: &f32| (value * 127.5 + 128.0) as u8;
        Ok((0..count)
            .map(|i| values[i * size..(i + 1) * size].iter().map(byte).collect())
            .map(|data| Self { width, height, channels, data })
            .collect())
    }

    /// Pictures of one size as images `[N, C, H, W]` in -1..1.
    ///
    /// # Errors
    ///
    /// When their sizes differ.
    pub fn to_tensor(pictures: &[Self]) -> Result<Tensor, Failure> {
        let one = |Self { width, height, channels, data }: &Self| {
            let values: Vec<f32> = data.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
            Tensor::from_vec(values, (1, *height, *width, *channels), &Device::Cpu)
        };
        let images = pictures.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok(Tensor::cat(&images, 0)?.permute((0, 3, 1, 2))?.contiguous()?)
    }

    /// Lays pictures of one size out in rows of `columns`; places left over stay white. `None`
    /// leaves a place empty.
    pub fn grid(pictures: &[Option<Self>], columns: usize) -> Self {
        let Some(first) = pictures.iter().flatten().next() else {
            return Self { width: 0, height: 0, channels: 3, data: Vec::new() };
        };
        let rows = pictures.len().div_ceil(columns);
        let row_bytes = first.width * first.channels;
        let stride = row_bytes * columns;
        let mut data = vec![255; stride * first.height * rows];
        for (place, picture) in pictures.iter().enumerate() {
            let Some(picture) = picture else { continue };
            let corner = (place / columns) * first.height * stride + (place % columns) * row_bytes;
            for (y, row) in picture.data.chunks_exact(row_bytes).enumerate() {
                data[corner + y * stride..][..row_bytes].copy_from_slice(row);
            }
        }
        Self {
            width: first.width * columns,
            height: first.height * rows,
            channels: first.channels,
            data,
        }
    }

    /// Writes the picture, in the format that the file's name asks for.
    ///
    /// # Errors
    ///
    /// When the file cannot be written or its name ends in no known format.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        let color = match self.channels {
            1 => ColorType::L8,
            4 => ColorType::Rgba8,
            _ => ColorType::Rgb8,
        };
        image::save_buffer(path, &self.data, self.width as u32, self.height as u32, color)
            .or_user_with(|| format!("cannot write `{}`", path.display()))
            .map_err(|failure| {
                failure.hint("the name must end in .png, and the folder must be writable")
            })
    }

    fn to_rgba(&self) -> RgbaImage {
        let pixels = self.data.chunks_exact(self.channels).flat_map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => [pixel[0], pixel[1], pixel[2], 255],
        });
        let data = pixels.collect();
        RgbaImage::from_raw(self.width as u32, self.height as u32, data).unwrap_or_default()
    }

    /// Enlarges by a whole factor, each pixel becoming a square: small models are hard to see.
    pub fn enlarged(&self, factor: usize) -> Self {
        if factor <= 1 {
            return self.clone();
        }
        let mut data = Vec::with_capacity(self.data.len() * factor * factor);
        for row in self.data.chunks_exact(self.width * self.channels) {
            let wide: Vec<u8> =
                row.chunks_exact(self.channels).flat_map(|pixel| pixel.repeat(factor)).collect();
            (0..factor).for_each(|_| data.extend_from_slice(&wide));
        }
        Self {
            width: self.width * factor,
            height: self.height * factor,
            channels: self.channels,
            data,
        }
    }
}

/// Writes an endlessly repeating GIF at `frames_per_second`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn save_animation(
    path: &Path,
    frames: &[Picture],
    frames_per_second: u32,
) -> Result<(), Failure> {
    let cannot = || format!("cannot write `{}`", path.display());
    let file = File::create(path).or_user_with(cannot)?;
    let mut encoder = GifEncoder::new_with_speed(BufWriter::new(file), 10);
    encoder.set_repeat(Repeat::Infinite).or_user_with(cannot)?;
    for frame in frames {
        let delay = Delay::from_numer_denom_ms(1000, frames_per_second.max(1));
        let frame = Frame::from_parts(frame.to_rgba(), 0, 0, delay);
        encoder.encode_frame(frame).or_user_with(cannot)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn plain(value: u8) -> Picture {
        Picture { width: 2, height: 1, channels: 3, data: vec![value; 6] }
    }

    #[test]
    fn tensors_become_bytes_as_the_official_code_makes_them() {
        // -1, 0, 1 are 0, 128, 255; beyond is clipped.
        let x = Tensor::new(&[-1f32, 0.0, 1.0, -7.0, 7.0, 0.5], &Device::Cpu).unwrap();
        let pictures = Picture::from_tensor(&x.reshape((1, 3, 1, 2)).unwrap()).unwrap();
        // Channel-first [-1, 0], [1, -7], [7, 0.5] interleaved by pixel.
        assert_eq!(pictures[0].data, [0, 255, 255, 128, 0, 191]);
        assert_eq!((pictures[0].width, pictures[0].height), (2, 1));
    }

    #[test]
    fn a_grid_fills_rows_and_leaves_the_rest_white() {
        let grid = Picture::grid(&[Some(plain(1)), None, Some(plain(2))], 2);
        assert_eq!((grid.width, grid.height), (4, 2));
        assert_eq!(grid.data[..6], [1; 6]);
        assert_eq!(grid.data[6..12], [255; 6]);
        assert_eq!(grid.data[12..18], [2; 6]);
        assert_eq!(grid.data[18..], [255; 6]);
    }

    #[test]
    fn enlarging_repeats_pixels() {
        let picture = Picture { width: 2, height: 1, channels: 1, data: vec![3, 4] };
        let enlarged = picture.enlarged(2);
        assert_eq!((enlarged.width, enlarged.height), (4, 2));
        assert_eq!(enlarged.data, [3, 3, 4, 4, 3, 3, 4, 4]);
    }

    #[test]
    fn files_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let png = folder.path().join("a.png");
        plain(9).save(&png).unwrap();
        assert_eq!(image::open(&png).unwrap().to_rgb8().into_raw(), [9; 6]);
        let gif = folder.path().join("a.gif");
        save_animation(&gif, &[plain(9), plain(200)], 25).unwrap();
        assert_eq!(image::open(&gif).unwrap().width(), 2);
        let failure = plain(1).save(&folder.path().join("a.xyz")).unwrap_err();
        assert!(failure.to_string().contains("a.xyz"), "{failure}");
    }
}
