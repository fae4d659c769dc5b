//! Images side by side.

use std::io::{self, Cursor};
use std::path::Path;

use candle_core::{DType, Result, Tensor, bail};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use stylegan_checkpoint::{CheckpointError, atomic_write};

/// An image of rows and columns of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Grey 1, RGB 3 or RGBA 4.
    pub channels: usize,
    /// `[height, width, channels]`.
    pub data: Vec<u8>,
}

/// The official grid for images of a resolution: as many columns and rows as fill 3840 by 2160 pixels, from 7 by 4 to 32
/// by 32.
pub fn official_layout(resolution: usize) -> (usize, usize) {
    ((3840 / resolution.max(1)).clamp(7, 32), (2160 / resolution.max(1)).clamp(4, 32))
}

impl Grid {
    /// Lays out images `[N, C, H, W]` with values in [-1, 1] in rows of `columns`; what the last row lacks is black.
    ///
    /// Values are mapped as in the official code: -1 to 0, 1 to 255, rounded, and cut off beyond.
    ///
    /// # Errors
    /// Where `C` is not 1, 3 or 4, or there is no image or no column.
    pub fn new(images: &Tensor, columns: usize) -> Result<Self> {
        let (n, channels, h, w) = images.dims4()?;
        if ![1, 3, 4].contains(&channels) {
            bail!("images of {channels} channels cannot be shown; expected 1, 3 or 4");
        }
        if n == 0 || columns == 0 {
            bail!("a grid of {n} images in {columns} columns cannot be shown");
        }
        let values = images.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let (width, height) = (columns.min(n) * w, n.div_ceil(columns) * h);
        let mut data = vec![0; height * width * channels];
        for (index, image) in values.chunks_exact(channels * h * w).enumerate() {
            let (top, left) = (index / columns * h, index % columns * w);
            for (channel, plane) in image.chunks_exact(h * w).enumerate() {
                for (y, row) in plane.chunks_exact(w).enumerate() {
                    let start = ((top + y) * width + left) * channels + channel;
                    for (x, &value) in row.iter().enumerate() {
                        data[start + x * channels] = byte(value);
                    }
                }
            }
        }
        Ok(Self { width, height, channels, data })
    }

    /// The grid as a PNG file's bytes.
    ///
    /// # Errors
    /// An image too large for the format.
    pub fn to_png(&self) -> io::Result<Vec<u8>> {
        let color = match self.channels {
            1 => ExtendedColorType::L8,
            3 => ExtendedColorType::Rgb8,
            _ => ExtendedColorType::Rgba8,
        };
        let mut png = Cursor::new(Vec::new());
        let (width, height) = (self.width as u32, self.height as u32);
        PngEncoder::new(&mut png)
            .write_image(&self.data, width, height, color)
            .map_err(io::Error::other)?;
        Ok(png.into_inner())
    }

    /// Writes the grid as a PNG file, atomically.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], naming the file.
    pub fn write(&self, path: &Path) -> std::result::Result<(), CheckpointError> {
        atomic_write(path, |writer| writer.write_all(&self.to_png()?))
    }
}

/// From [-1, 1] to [0, 255], halves rounded up. A value that is not a number is black.
fn byte(value: f32) -> u8 {
    (value * 127.5 + 128.0).floor().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn values_are_mapped_as_in_the_official_code() {
        assert_eq!([-1.0, 1.0, 0.0, -2.0, 3.0, f32::NAN].map(byte), [0, 255, 128, 0, 255, 0]);
        // What the loader makes of a byte comes back.
        for value in 0..=255u8 {
            assert_eq!(byte(f32::from(value) / 127.5 - 1.0), value);
        }
    }

    #[test]
    fn images_are_laid_out_in_rows() {
        // Three images of one colour each: 1 by 2 pixels, 3 channels.
        let values: Vec<f32> = [-1.0, 0.0, 1.0].iter().flat_map(|&v| [v, -1.0, 1.0]).collect();
        let images = Tensor::from_vec(values, (3, 3, 1, 1), &Device::Cpu).unwrap();
        let images = images.broadcast_as((3, 3, 1, 2)).unwrap();
        let grid = Grid::new(&images, 2).unwrap();
        assert_eq!((grid.width, grid.height, grid.channels), (4, 2, 3));
        let (a, b, c, gap) = ([0, 0, 255], [128, 0, 255], [255, 0, 255], [0, 0, 0]);
        assert_eq!(grid.data, [a, a, b, b, c, c, gap, gap].concat());
    }

    #[test]
    fn every_number_of_channels_survives_as_png() {
        let folder = tempfile::tempdir().unwrap();
        for channels in [1, 3, 4] {
            let images = Tensor::zeros((2, channels, 3, 5), DType::F32, &Device::Cpu).unwrap();
            let grid = Grid::new(&images, 2).unwrap();
            let path = folder.path().join(format!("{channels}.png"));
            grid.write(&path).unwrap();
            let read = image::open(&path).unwrap();
            assert_eq!((read.width(), read.height()), (10, 3));
            assert_eq!(usize::from(read.color().channel_count()), channels);
            assert_eq!(read.as_bytes(), grid.data);
        }
        let two = Tensor::zeros((1, 2, 3, 5), DType::F32, &Device::Cpu).unwrap();
        assert!(Grid::new(&two, 1).is_err());
        assert!(Grid::new(&two.narrow(1, 0, 1).unwrap(), 0).is_err());
    }

    #[test]
    fn the_official_layouts() {
        let layouts = [1024, 512, 256, 128, 32].map(official_layout);
        assert_eq!(layouts, [(7, 4), (7, 4), (15, 8), (30, 16), (32, 32)]);
    }
}
