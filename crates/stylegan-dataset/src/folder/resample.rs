//! Centre crop and resize.

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

/// A decoded image, pixel by pixel.
#[derive(Debug, Clone)]
pub(super) struct Pixels {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) data: Vec<u8>,
}

/// The largest part of an image with the wanted shape, in its middle: left, top, width, height.
fn crop(image: &Pixels, (height, width): (usize, usize)) -> [usize; 4] {
    let (mut w, mut h) = (image.width, image.height);
    if w * height > h * width {
        w = ((h * width + height / 2) / height).clamp(1, image.width);
    } else {
        h = ((w * height + width / 2) / width).clamp(1, image.height);
    }
    [(image.width - w) / 2, (image.height - h) / 2, w, h]
}

/// Whether the cropped image has fewer pixels than wanted.
pub(super) fn is_smaller(image: &Pixels, (height, width): (usize, usize)) -> bool {
    let [_, _, w, h] = crop(image, (height, width));
    w < width || h < height
}

/// Crops to the shape, resizes, and splits the channels.
pub(super) fn fit(image: &Pixels, size: (usize, usize), filter: Filter) -> Image {
    if image.channels == 4 {
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
        resize(image, &weighted, size, filter)
    } else {
        resize(image, &image.data, size, filter)
    }
}

fn resize<T: Copy + Into<f32>>(
    image: &Pixels,
    data: &[T],
    (height, width): (usize, usize),
    filter: Filter,
) -> Image {
    let [left, top, w, h] = crop(image, (height, width));
    let channels = image.channels;
    let rows = taps(h, height, filter);
    let columns = taps(w, width, filter);
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
            let mut sums = [0.0f32; 4];
            let source = row[tap.first * channels..].chunks_exact(channels);
            for (&weight, pixel) in tap.weights.iter().zip(source) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * value;
                }
            }
            let gain = if channels < 4 {
                1.0
            } else if sums[3] > 0.5 {
                255.0 / sums[3]
            } else {
                0.0
            };
            for (c, &sum) in sums.iter().enumerate().take(channels) {
                let value = if c < 3 { sum * gain } else { sum };
                out[(c * height + y) * width + x] = (value + 0.5).clamp(0.0, 255.0) as u8;
            }
        }
    }
    Image { width, height, channels, data: out }
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
            assert_eq!(fit(&image, (2, 3), filter).data, image.data);
        }
    }

    #[test]
    fn crops_the_middle_and_averages() {
        // The middle square of a wide image, halved: each value is a mean of four.
        let image = grey(6, 4, [[9, 0, 10, 20, 30, 9], [9, 4, 14, 24, 34, 9]].concat().repeat(2));
        assert_eq!(fit(&image, (2, 2), Filter::Box).data, [7, 27, 7, 27]);
        assert_eq!(crop(&image, (4, 4)), [1, 0, 4, 4]);
        assert_eq!(crop(&image, (4, 2)), [2, 0, 2, 4]);
        assert_eq!(crop(&image, (2, 4)), [0, 0, 6, 3]);
    }

    #[test]
    fn flat_images_stay_flat() {
        for (from, to) in [(7, 4), (64, 5), (3, 16)] {
            let image = grey(from, from, vec![77; from * from]);
            for filter in [Filter::Lanczos, Filter::Box] {
                assert!(fit(&image, (to, to), filter).data.iter().all(|&v| v == 77));
            }
        }
    }

    #[test]
    fn hidden_colours_do_not_bleed() {
        let data = [[200, 100, 50, 255], [0, 255, 0, 0]].concat().repeat(2);
        let image = Pixels { width: 2, height: 2, channels: 4, data };
        assert_eq!(fit(&image, (1, 1), Filter::Box).data, [200, 100, 50, 128]);
    }
}
