//! Single images as tensors of a model's size.

use std::path::Path;

use candle_core::{Device, Tensor};
use image::imageops::FilterType;

use crate::failure::{Failure, OrFail};

/// Reads an image as `[1, channels, height, width]` in -1..1, its middle resized to `size` (height, width), and gives the size that it had.
///
/// # Errors
///
/// When the file is not an image.
pub fn read(
    path: &Path,
    size: (usize, usize),
    channels: usize,
) -> Result<(Tensor, (usize, usize)), Failure> {
    let image = image::ImageReader::open(path)
        .and_then(|reader| reader.with_guessed_format())
        .or_user_with(|| format!("cannot read the image `{}`", path.display()))
        .map_err(|failure| failure.hint("name a PNG, JPEG, WebP or BMP file"))?
        .decode()
        .or_user_with(|| format!("cannot read the image `{}`", path.display()))
        .map_err(|failure| failure.hint("name a PNG, JPEG, WebP or BMP file"))?;
    let found = (image.height() as usize, image.width() as usize);
    let (height, width) = size;
    let image = if found == size {
        image
    } else {
        let [left, top, across, down] = middle(found, size);
        let (width, height) = (width as u32, height as u32);
        image.crop_imm(left, top, across, down).resize_exact(width, height, FilterType::Lanczos3)
    };
    let bytes = match channels {
        1 => image.to_luma8().into_raw(),
        4 => image.to_rgba8().into_raw(),
        _ => image.to_rgb8().into_raw(),
    };
    let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect();
    let tensor = Tensor::from_vec(values, (1, height, width, channels), &Device::Cpu)?;
    Ok((tensor.permute((0, 3, 1, 2))?.contiguous()?, found))
}

/// The largest region in the middle of an image with the proportions of `size`: left, top, width, height. It is cut out before the
/// resizing, so that nothing from beside it comes in.
fn middle((height, width): (usize, usize), size: (usize, usize)) -> [u32; 4] {
    let across = width.min(height * size.1 / size.0).max(1);
    let down = height.min(width * size.0 / size.1).max(1);
    [(width - across) / 2, (height - down) / 2, across, down].map(|pixels| pixels as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_cropped_in_the_middle_and_files_that_are_none_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide.png");
        // White, with black edges left and right of the middle square.
        let pixel = |x: u32, _| image::Rgb(if (8..24).contains(&x) { [255u8; 3] } else { [0; 3] });
        image::RgbImage::from_fn(32, 16, pixel).save(&path).unwrap();
        let (tensor, found) = read(&path, (8, 8), 3).unwrap();
        assert_eq!(found, (16, 32));
        assert_eq!(tensor.dims(), [1, 3, 8, 8]);
        assert!(tensor.min_all().unwrap().to_scalar::<f32>().unwrap() > 0.9);
        let (grey, _) = read(&path, (16, 32), 1).unwrap();
        assert_eq!(grey.dims(), [1, 1, 16, 32]);
        let none = folder.path().join("note.png");
        std::fs::write(&none, "no image").unwrap();
        let failure = read(&none, (8, 8), 3).unwrap_err();
        assert_eq!(failure.exit_code(), 1);
        assert!(failure.to_string().contains("note.png"), "{failure}");
    }
}
