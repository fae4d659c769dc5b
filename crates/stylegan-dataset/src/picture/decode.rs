//! From the bytes of a file to pixels of the wanted kind.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::Pixels;

/// The longest side of an image that is decoded, in pixels.
pub const MAX_SIDE: u32 = 32_768;

/// The most memory one image may take while it is decoded: 1 GiB.
const MAX_BYTES: u64 = 1 << 30;

/// Decodes an image of any supported format, whatever its file is called, turns it upright as its
/// EXIF orientation says, and makes it 1 (grey), 3 (RGB) or 4 (RGBA) channels of bytes; or as many
/// as it has, grey with alpha counting as RGBA.
pub(crate) fn decode(bytes: &[u8], channels: Option<usize>) -> Result<Pixels, String> {
    // A decoder that panics on a broken file is a bad file to us, not the end of the program.
    std::panic::catch_unwind(|| decode_checked(bytes, channels))
        .unwrap_or_else(|_| Err(String::from("the decoder failed on it")))
}

fn decode_checked(bytes: &[u8], channels: Option<usize>) -> Result<Pixels, String> {
    if bytes.is_empty() {
        return Err(String::from("the file is empty"));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let format = reader.format().ok_or("its content is not an image")?;
    if format == ImageFormat::Jpeg && !has_end_of_jpeg(bytes) {
        // The decoder fills the rest with grey and says nothing.
        return Err(String::from("the file is truncated: a JPEG without its end"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    let natural = match image.color() {
        color if color.has_alpha() => 4,
        color if color.has_color() => 3,
        _ => 1,
    };
    Ok(convert(image, channels.unwrap_or(natural)))
}

/// Whether an end-of-image marker follows the start of the first scan. Inside a scan the marker
/// cannot occur by chance; before it, it may be that of a thumbnail.
fn has_end_of_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[mark, kind, high, low]) = bytes.get(at..at + 4) {
        if mark != 0xFF {
            at += 1;
        } else if kind == 0xDA {
            return bytes[at..].windows(2).any(|pair| pair == [0xFF, 0xD9]);
        } else if kind == 0xFF || kind == 0x00 || kind == 0x01 || (0xD0..=0xD8).contains(&kind) {
            at += 1;
        } else {
            at += 2 + usize::from(u16::from_be_bytes([high, low]));
        }
    }
    false
}

fn convert(image: DynamicImage, channels: usize) -> Pixels {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let alpha = image.color().has_alpha();
    let data = match (channels, alpha) {
        (4, _) => image.into_rgba8().into_raw(),
        (1, false) => image.into_luma8().into_raw(),
        (1, true) => on_white::<2>(&image.into_luma_alpha8()),
        (_, false) => image.into_rgb8().into_raw(),
        (_, true) => on_white::<4>(&image.into_rgba8()),
    };
    Pixels { width, height, channels, data }
}

/// Lays pixels whose last of `N` channels is alpha on a white ground.
pub(super) fn on_white<const N: usize>(pixels: &[u8]) -> Vec<u8> {
    let mut opaque = Vec::with_capacity(pixels.len() / N * (N - 1));
    for pixel in pixels.chunks_exact(N) {
        let alpha = u32::from(pixel[N - 1]);
        for &value in &pixel[..N - 1] {
            // Rounded to the nearest; exact for 0 and 255.
            let sum = u32::from(value) * alpha + 255 * (255 - alpha);
            opaque.push(((sum + 127) / 255) as u8);
        }
    }
    opaque
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_transparent_pixels_on_white() {
        assert_eq!(on_white::<2>(&[10, 255, 10, 0, 0, 128]), [10, 255, 127]);
        assert_eq!(on_white::<4>(&[1, 2, 3, 255, 9, 9, 9, 0]), [1, 2, 3, 255, 255, 255]);
    }

    #[test]
    fn a_thumbnail_is_not_the_end_of_a_jpeg() {
        let thumbnail = [0xFF, 0xD8, 0xFF, 0xE1, 0x00, 0x04, 0xFF, 0xD9];
        let scan = [0xFF, 0xDA, 0x00, 0x02, 0x12, 0x34];
        let whole = [&thumbnail[..], &scan[..], &[0xFF, 0xD9]].concat();
        assert!(has_end_of_jpeg(&whole));
        assert!(!has_end_of_jpeg(&whole[..whole.len() - 1]));
        assert!(!has_end_of_jpeg(&thumbnail));
    }
}
