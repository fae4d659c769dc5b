//! Centre crop and resize.

use super::Pixels;
use crate::dataset::Image;

/// How an image is made smaller or larger.
///
/// Both work on the stored sRGB values, like Pillow and the official data tools, and both widen
/// with the factor, so that a much smaller image is not aliased. Transparent images are
/// weighted by their alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Windowed sinc of three lobes: the sharpest.
    #[default]
    Lanczos,
    /// Mean over the area: what papers' scores were computed on.
    Box,
}

impl Filter {
    fn radius(self) -> f64 {
        match self {
            Self::Lanczos => 3.0,
            Self::Box => 0.5,
        }
    }

    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Lanczos if x == 0.0 => 1.0,
            Self::Lanczos if x.abs() < 3.0 => {
                let t = std::f64::consts::PI * x;
                3.0 * t.sin() * (t / 3.0).sin() / (t * t)
            }
            _ => 0.0,
        }
    }
}

/// What is done with an image whose shape is not the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crop {
    /// The largest part of the wanted shape, in the middle.
    #[default]
    Center,
    /// The largest part of 4:3, in the middle, with black bars above and below, as for LSUN's cars.
    Wide,
    /// All of it, with black bars (transparent ones with alpha) where the shape is another.
    Pad,
    /// Nothing: an image of another shape is an error.
    None,
}

/// Where a picture comes from and where it goes, in pixels: left, top, width, height.
#[derive(Debug, PartialEq, Eq)]
struct Placement {
    from: [usize; 4],
    to: [usize; 4],
}

/// The largest part of an image with the shape of `height` to `width`, in its middle.
fn middle(image: &Pixels, (height, width): (usize, usize)) -> [usize; 4] {
    let (mut w, mut h) = (image.width, image.height);
    if w * height > h * width {
        w = ((h * width + height / 2) / height).clamp(1, image.width);
    } else {
        h = ((w * height + width / 2) / width).clamp(1, image.height);
    }
    [(image.width - w) / 2, (image.height - h) / 2, w, h]
}

fn place(image: &Pixels, (height, width): (usize, usize), crop: Crop) -> Result<Placement, String> {
    let whole = [0, 0, width, height];
    Ok(match crop {
        Crop::Center => Placement { from: middle(image, (height, width)), to: whole },
        Crop::Wide => {
            let bars = height / 8;
            let inner = (height - 2 * bars).max(1);
            Placement { from: middle(image, (inner, width)), to: [0, bars, width, inner] }
        }
        Crop::Pad => {
            let (w, h) = if image.width * height > image.height * width {
                (width, (image.height * width + image.width / 2) / image.width)
            } else {
                ((image.width * height + image.height / 2) / image.height, height)
            };
            let (w, h) = (w.clamp(1, width), h.clamp(1, height));
            let from = [0, 0, image.width, image.height];
            Placement { from, to: [(width - w) / 2, (height - h) / 2, w, h] }
        }
        Crop::None if image.width * height != image.height * width => {
            let (w, h) = (image.width, image.height);
            let shape = if height == width { "square" } else { "of the wanted shape" };
            return Err(format!("it is {w} wide and {h} high, not {shape}"));
        }
        Crop::None => Placement { from: [0, 0, image.width, image.height], to: whole },
    })
}

/// Whether the part that is used has fewer pixels than wanted.
pub(crate) fn is_smaller(image: &Pixels, size: (usize, usize), crop: Crop) -> bool {
    place(image, size, crop).is_ok_and(|Placement { from, to }| from[2] < to[2] || from[3] < to[3])
}

/// Crops to the shape, resizes, and splits the channels.
///
/// The error says what is wrong with the image's shape.
pub(crate) fn fit(
    image: &Pixels,
    size: (usize, usize),
    crop: Crop,
    filter: Filter,
) -> Result<Image, String> {
    let placement = place(image, size, crop)?;
    let (height, width) = size;
    let Placement { from: [_, _, w, h], to: [_, _, new_w, new_h] } = placement;
    if (w, h) == (image.width, image.height)
        && (w, h) == (width, height)
        && (new_w, new_h) == (w, h)
    {
        return Ok(image.to_planes());
    }
    Ok(moved(image, &placement, size, filter))
}

/// Moves a part of an image to its place.
fn moved(image: &Pixels, placement: &Placement, size: (usize, usize), filter: Filter) -> Image {
    if image.channels < 4 {
        return resize(image, &image.data, placement, size, filter);
    }
    // Colour counts as much as it covers: a hidden colour must not bleed into its neighbours.
    let weighted: Vec<f32> = image
        .data
        .chunks_exact(4)
        .flat_map(|p| {
            let alpha = f32::from(p[3]) / 255.0;
            [
                f32::from(p[0]) * alpha,
                f32::from(p[1]) * alpha,
                f32::from(p[2]) * alpha,
                f32::from(p[3]),
            ]
        })
        .collect();
    resize(image, &weighted, placement, size, filter)
}

/// Resizes all of an image to a size of any shape, and splits the channels.
pub(crate) fn stretch(image: &Pixels, size: (usize, usize), filter: Filter) -> Image {
    let (height, width) = size;
    let from = [0, 0, image.width, image.height];
    let placement = Placement { from, to: [0, 0, width, height] };
    moved(image, &placement, size, filter)
}

fn resize<T: Copy + Into<f32>>(
    image: &Pixels,
    data: &[T],
    placement: &Placement,
    (height, width): (usize, usize),
    filter: Filter,
) -> Image {
    let [left, top, w, h] = placement.from;
    let [new_left, new_top, new_w, new_h] = placement.to;
    let channels = image.channels;
    let rows = taps(h, new_h, filter);
    let columns = taps(w, new_w, filter);
    let mut row = vec![0.0f32; w * channels];
    let mut out = vec![0u8; channels * height * width];
    for (y, tap) in rows.iter().enumerate() {
        // Down the columns first: long runs of neighbours, and few rows are left for the rest.
        row.fill(0.0);
        for (i, &weight) in tap.weights.iter().enumerate() {
            let start = ((top + tap.first + i) * image.width + left) * channels;
            for (sum, &value) in row.iter_mut().zip(&data[start..start + w * channels]) {
                *sum += weight * value.into();
            }
        }
        for (x, tap) in columns.iter().enumerate() {
            let at = (new_top + y) * width + new_left + x;
            let source = &row[tap.first * channels..];
            let sums = match channels {
                1 => widened(weigh::<1>(&tap.weights, source)),
                3 => widened(weigh::<3>(&tap.weights, source)),
                _ => weigh::<4>(&tap.weights, source),
            };
            let gain = if channels < 4 {
                1.0
            } else if sums[3] > 0.5 {
                255.0 / sums[3]
            } else {
                0.0
            };
            for (c, &sum) in sums.iter().enumerate().take(channels) {
                let value = if c < 3 { sum * gain } else { sum };
                out[c * height * width + at] = (value + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
    Image { width, height, channels, data: out }
}

/// The weighted sum of neighbouring pixels of `C` channels.
fn weigh<const C: usize>(weights: &[f32], pixels: &[f32]) -> [f32; C] {
    let mut sums = [0.0; C];
    for (&weight, pixel) in weights.iter().zip(pixels.as_chunks::<C>().0) {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += weight * value;
        }
    }
    sums
}

fn widened<const C: usize>(sums: [f32; C]) -> [f32; 4] {
    std::array::from_fn(|c| sums.get(c).copied().unwrap_or_default())
}

/// The pixels that make one new pixel, with weights that sum to 1.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

fn taps(from: usize, to: usize, filter: Filter) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let radius = filter.radius() * stretch;
    (0..to)
        .map(|i| {
            let center = (i as f64 + 0.5) * scale;
            let first = ((center - radius + 0.5).max(0.0) as usize).min(from - 1);
            let last = ((center + radius + 0.5) as usize).clamp(first + 1, from);
            let weights: Vec<f64> =
                (first..last).map(|x| filter.weight((x as f64 - center + 0.5) / stretch)).collect();
            let sum: f64 = weights.iter().sum();
            Tap { first, weights: weights.into_iter().map(|w| (w / sum) as f32).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, data: Vec<u8>) -> Pixels {
        Pixels { width, height, channels: 1, data }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let image = grey(3, 2, vec![0, 50, 100, 150, 200, 255]);
        for filter in [Filter::Lanczos, Filter::Box] {
            assert_eq!(fit(&image, (2, 3), Crop::Center, filter).unwrap().data, image.data);
        }
    }

    #[test]
    fn crops_the_middle_and_averages() {
        // The middle square of a wide image, halved: each value is a mean of four.
        let image = grey(6, 4, [[9, 0, 10, 20, 30, 9], [9, 4, 14, 24, 34, 9]].concat().repeat(2));
        assert_eq!(fit(&image, (2, 2), Crop::Center, Filter::Box).unwrap().data, [7, 27, 7, 27]);
        assert_eq!(middle(&image, (4, 4)), [1, 0, 4, 4]);
        assert_eq!(middle(&image, (4, 2)), [2, 0, 2, 4]);
        assert_eq!(middle(&image, (2, 4)), [0, 0, 6, 3]);
    }

    #[test]
    fn flat_images_stay_flat() {
        for (from, to) in [(7, 4), (64, 5), (3, 16)] {
            let image = grey(from, from, vec![77; from * from]);
            for filter in [Filter::Lanczos, Filter::Box] {
                assert!(
                    fit(&image, (to, to), Crop::Center, filter)
                        .unwrap()
                        .data
                        .iter()
                        .all(|&v| v == 77)
                );
            }
        }
    }

    #[test]
    fn hidden_colours_do_not_bleed() {
        let data = [[200, 100, 50, 255], [0, 255, 0, 0]].concat().repeat(2);
        let image = Pixels { width: 2, height: 2, channels: 4, data };
        assert_eq!(
            fit(&image, (1, 1), Crop::Center, Filter::Box).unwrap().data,
            [200, 100, 50, 128]
        );
    }

    #[test]
    fn wide_and_padded_images_get_black_bars() {
        let image = grey(8, 4, vec![200; 32]);
        let wide = fit(&image, (8, 8), Crop::Wide, Filter::Box).unwrap().data;
        assert!(wide[..8].iter().chain(&wide[56..]).all(|&v| v == 0));
        assert!(wide[8..56].iter().all(|&v| v == 200));
        let padded = fit(&image, (8, 8), Crop::Pad, Filter::Box).unwrap().data;
        assert!(padded[..16].iter().chain(&padded[48..]).all(|&v| v == 0));
        assert!(padded[16..48].iter().all(|&v| v == 200));
        let clear = Pixels { width: 2, height: 1, channels: 4, data: vec![255; 8] };
        let padded = fit(&clear, (4, 4), Crop::Pad, Filter::Box).unwrap().data;
        assert_eq!(padded[48..], [[0; 4], [255; 4], [255; 4], [0; 4]].concat());
    }

    #[test]
    fn without_a_crop_other_shapes_are_refused() {
        let error = fit(&grey(6, 4, vec![0; 24]), (4, 4), Crop::None, Filter::Box).unwrap_err();
        assert_eq!(error, "it is 6 wide and 4 high, not square");
        assert!(fit(&grey(6, 6, vec![0; 36]), (4, 4), Crop::None, Filter::Box).is_ok());
    }
}
