//! From a face to a picture.

use super::canvas::Canvas;
use super::face::Face;
use crate::dataset::{Image, check_channels, check_resolution};
use crate::error::DatasetError;

impl Face {
    /// Draws the face: `[channels, height, width]`.
    ///
    /// With one channel the picture is grey (Rec. 601 luma); with four the background is left
    /// out and the alpha channel says where the face is.
    ///
    /// # Errors
    /// If a side is not from 4 to 4096, or `channels` is not 1, 3 or 4.
    pub fn render(
        &self,
        (height, width): (usize, usize),
        channels: usize,
    ) -> Result<Image, DatasetError> {
        check_resolution((height, width))?;
        check_channels(channels)?;
        // Small pictures are drawn larger and averaged: edges that meet inside a pixel come out
        // right, which antialiasing shape by shape cannot do.
        let factor = (64 / height.min(width)).clamp(1, 4);
        let mut canvas = Canvas::new(height * factor, width * factor)
            .ok_or(DatasetError::Resolution { height, width, min: 4, max: 4096 })?;
        self.paint(&mut canvas, channels == 4);
        let rgba = canvas.into_rgba();
        let mut data = vec![0; channels * height * width];
        for y in 0..height {
            for x in 0..width {
                let [r, g, b, alpha] = mean(&rgba, (y, x), width * factor, factor);
                let at = y * width + x;
                match channels {
                    1 => data[at] = byte(0.299 * r + 0.587 * g + 0.114 * b),
                    _ => {
                        // Undo the premultiplication; opaque pixels are unchanged.
                        let gain = if alpha > 0.0 { 255.0 / alpha } else { 0.0 };
                        let pixel = [r * gain, g * gain, b * gain, alpha];
                        for (channel, value) in pixel.into_iter().take(channels).enumerate() {
                            data[channel * height * width + at] = byte(value);
                        }
                    }
                }
            }
        }
        Ok(Image { width, height, channels, data })
    }
}

/// Mean over one block of premultiplied pixels.
fn mean(rgba: &[u8], (y, x): (usize, usize), stride: usize, factor: usize) -> [f32; 4] {
    let mut sums = [0u32; 4];
    for row in 0..factor {
        let start = ((y * factor + row) * stride + x * factor) * 4;
        for pixel in rgba[start..start + 4 * factor].chunks_exact(4) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += u32::from(value);
            }
        }
    }
    sums.map(|sum| sum as f32 / (factor * factor) as f32)
}

fn byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}
