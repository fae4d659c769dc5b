//! Cutting a turned square out of an image, as FFHQ was made (Karras et al. 2018, appendix C).
//!
//! Where the square leaves the image, the image is continued by reflection, which fades into a blur
//! and then into the median colour. Every step is plain arithmetic in a fixed order, so the result
//! does not depend on the number of threads.

use super::landmarks::Quad;
use crate::picture::{Filter, Pixels, resample};

/// How many times finer than the output the square is sampled.
const OVERSAMPLING: usize = 4;

/// The square of an image, `side` pixels a side.
///
/// # Errors
/// If the square is not in the image.
pub fn align(image: &Pixels, quad: &Quad, side: usize) -> Result<Pixels, String> {
    let longest = (image.width + image.height) as f64;
    let center = |i: usize| quad.corners.iter().map(|corner| corner[i]).sum::<f64>() / 4.0;
    let inside = (0.0..image.width as f64).contains(&center(0))
        && (0.0..image.height as f64).contains(&center(1));
    if !inside || !(1.0..=4.0 * longest).contains(&quad.size()) {
        return Err(String::from("its landmarks do not lie in the image"));
    }
    let (shrunk, quad) = shrink(image, *quad, side);
    let (cropped, quad) = crop(&shrunk, quad);
    let (padded, quad) = pad(cropped, quad);
    let fine = sample(&padded, &quad, OVERSAMPLING * side);
    Ok(Pixels::from_planes(&resample::stretch(&fine, (side, side), Filter::Lanczos)))
}

/// Makes the image smaller by a whole factor as long as it stays twice as fine as the output.
fn shrink(image: &Pixels, quad: Quad, side: usize) -> (Pixels, Quad) {
    let factor = (quad.size() / side as f64 * 0.5).floor();
    if factor < 2.0 {
        return (image.clone(), quad);
    }
    let reduced = |side: usize| ((side as f64 / factor).round() as usize).max(1);
    let size = (reduced(image.height), reduced(image.width));
    let small = Pixels::from_planes(&resample::stretch(image, size, Filter::Lanczos));
    (small, quad.map(|corner| corner.map(|value| value / factor)))
}

/// Left, top, right and bottom of the square's bounding box in whole pixels.
fn bounds(quad: &Quad) -> [i64; 4] {
    let fold = |i: usize, pick: fn(f64, f64) -> f64| {
        quad.corners.iter().map(|corner| corner[i]).reduce(pick).unwrap_or_default()
    };
    [
        fold(0, f64::min).floor() as i64,
        fold(1, f64::min).floor() as i64,
        fold(0, f64::max).ceil() as i64,
        fold(1, f64::max).ceil() as i64,
    ]
}

fn border(quad: &Quad) -> i64 {
    ((quad.size() * 0.1).round() as i64).max(3)
}

/// Cuts off what is further from the square than the border.
fn crop(image: &Pixels, quad: Quad) -> (Pixels, Quad) {
    let (width, height) = (image.width as i64, image.height as i64);
    let border = border(&quad);
    let [left, top, right, bottom] = bounds(&quad);
    let left = (left - border).clamp(0, width - 1);
    let top = (top - border).clamp(0, height - 1);
    let right = (right + border).clamp(left + 1, width);
    let bottom = (bottom + border).clamp(top + 1, height);
    let channels = image.channels;
    let mut data = Vec::new();
    for y in top..bottom {
        let start = (y * width + left) as usize * channels;
        data.extend_from_slice(&image.data[start..start + (right - left) as usize * channels]);
    }
    let (w, h) = ((right - left) as usize, (bottom - top) as usize);
    let moved = quad.map(|[x, y]| [x - left as f64, y - top as f64]);
    (Pixels { width: w, height: h, channels, data }, moved)
}

/// Continues the image where the square leaves it by more than the border.
fn pad(image: Pixels, quad: Quad) -> (Pixels, Quad) {
    let border = border(&quad);
    let [left, top, right, bottom] = bounds(&quad);
    let (width, height) = (image.width as i64, image.height as i64);
    let beyond = [-left, -top, right - width, bottom - height].map(|by| (by + border).max(0));
    if beyond.iter().max().is_none_or(|&most| most <= border - 4) {
        return (image, quad);
    }
    let size = quad.size();
    let least = (size * 0.3).round() as i64;
    let [left, top, right, bottom] = beyond.map(|by| by.max(least) as usize);
    let (w, h) = (image.width + left + right, image.height + top + bottom);
    let channels = image.channels;
    let mut sharp = Vec::with_capacity(w * h * channels);
    for y in 0..h {
        let row = reflected(y, top, image.height) * image.width;
        for x in 0..w {
            let at = (row + reflected(x, left, image.width)) * channels;
            sharp.extend(image.data[at..at + channels].iter().map(|&value| f32::from(value)));
        }
    }
    let blurred = blur(&sharp, [w, h, channels], size * 0.02);
    // How far into the padding a pixel is: 1 at the outer edge, 0 where the image begins, and below
    // that inside of it.
    let depth = |at: usize, before: usize, after: usize, len: usize| {
        1.0 - (at as f64 / before as f64).min((len - 1 - at) as f64 / after as f64)
    };
    let each = |with: &mut dyn FnMut(usize, f32)| {
        for y in 0..h {
            let down = depth(y, top, bottom, h);
            for x in 0..w {
                let mask = down.max(depth(x, left, right, w)) as f32;
                (0..channels).for_each(|c| with((y * w + x) * channels + c, mask));
            }
        }
    };
    let mut faded = sharp;
    each(&mut |at, mask| {
        faded[at] += (blurred[at] - faded[at]) * (mask * 3.0 + 1.0).clamp(0.0, 1.0);
    });
    let medians: Vec<f32> = (0..channels).map(|c| median(&faded, c, channels)).collect();
    each(&mut |at, mask| faded[at] += (medians[at % channels] - faded[at]) * mask.clamp(0.0, 1.0));
    let data = faded.iter().map(|value| value.round().clamp(0.0, 255.0) as u8).collect();
    let moved = quad.map(|[x, y]| [x + left as f64, y + top as f64]);
    (Pixels { width: w, height: h, channels, data }, moved)
}

/// The pixel of a line of `len` that continues it `before` pixels to the left: reflected at the
/// middle of the first and the last pixel, as often as needed.
fn reflected(at: usize, before: usize, len: usize) -> usize {
    if len == 1 {
        return 0;
    }
    let period = 2 * (len - 1) as i64;
    let at = (at as i64 - before as i64).rem_euclid(period);
    at.min(period - at) as usize
}

fn median(values: &[f32], channel: usize, channels: usize) -> f32 {
    let mut plane: Vec<f32> = values.iter().skip(channel).step_by(channels).copied().collect();
    let middle = plane.len() / 2;
    let even = plane.len().is_multiple_of(2);
    let (below, &mut high, _) = plane.select_nth_unstable_by(middle, f32::total_cmp);
    if !even {
        return high;
    }
    let low = below.iter().copied().fold(f32::MIN, f32::max);
    (low + high) / 2.0
}

/// A Gaussian blur, down the columns and then along the rows; the edge pixels repeat in mirror
/// image.
fn blur(values: &[f32], [width, height, channels]: [usize; 3], sigma: f64) -> Vec<f32> {
    let radius = (4.0 * sigma).round() as i64;
    let weights: Vec<f64> =
        (-radius..=radius).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let weights: Vec<f32> = weights.iter().map(|weight| (weight / sum) as f32).collect();
    let mirrored = |at: i64, len: usize| {
        let len = len as i64;
        let at = at.rem_euclid(2 * len);
        at.min(2 * len - 1 - at) as usize
    };
    let stride = width * channels;
    let mut down = vec![0.0; values.len()];
    for (y, row) in down.chunks_exact_mut(stride).enumerate() {
        for (offset, &weight) in (-radius..).zip(&weights) {
            let from = mirrored(y as i64 + offset, height) * stride;
            for (sum, value) in row.iter_mut().zip(&values[from..from + stride]) {
                *sum += weight * value;
            }
        }
    }
    let mut out = vec![0.0; values.len()];
    let mut wide = vec![0.0; (width + 2 * radius as usize) * channels];
    for (row, out) in down.chunks_exact(stride).zip(out.chunks_exact_mut(stride)) {
        for (x, pixel) in (-radius..).zip(wide.chunks_exact_mut(channels)) {
            let from = mirrored(x, width) * channels;
            pixel.copy_from_slice(&row[from..from + channels]);
        }
        for (offset, &weight) in weights.iter().enumerate() {
            for (sum, value) in out.iter_mut().zip(&wide[offset * channels..]) {
                *sum += weight * value;
            }
        }
    }
    out
}

/// The square, `side` pixels a side, each interpolated between the four nearest.
fn sample(image: &Pixels, quad: &Quad, side: usize) -> Pixels {
    let [origin, down, _, right] = quad.corners;
    let channels = image.channels;
    let step = |to: [f64; 2], i: usize| (to[i] - origin[i]) / side as f64;
    let (right, down) = ([step(right, 0), step(right, 1)], [step(down, 0), step(down, 1)]);
    let clamp = |at: i64, len: usize| at.clamp(0, len as i64 - 1) as usize;
    let mut data = Vec::with_capacity(side * side * channels);
    for row in 0..side {
        for column in 0..side {
            let (u, v) = (column as f64 + 0.5, row as f64 + 0.5);
            let x = origin[0] + u * right[0] + v * down[0];
            let y = origin[1] + u * right[1] + v * down[1];
            let (x0, y0) = (x.floor(), y.floor());
            let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
            let xs = [x0 as i64, x0 as i64 + 1].map(|x| clamp(x, image.width));
            let ys = [y0 as i64, y0 as i64 + 1].map(|y| clamp(y, image.height));
            let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)]
                .map(|(y, x)| &image.data[(ys[y] * image.width + xs[x]) * channels..]);
            for k in 0..channels {
                let [a, b, c, d] = [a[k], b[k], c[k], d[k]].map(f32::from);
                let (above, below) = (a + (b - a) * fx, c + (d - c) * fx);
                data.push((above + (below - above) * fy + 0.5) as u8);
            }
        }
    }
    Pixels { width: side, height: side, channels, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Pixels {
        let data = (0..width * height).flat_map(|at| [(at % width) as u8, (at / width) as u8, 90]);
        Pixels { width, height, channels: 3, data: data.collect() }
    }

    fn square(left: f64, top: f64, side: f64) -> Quad {
        let (right, bottom) = (left + side, top + side);
        Quad { corners: [[left, top], [left, bottom], [right, bottom], [right, top]] }
    }

    #[test]
    fn an_upright_square_of_the_output_is_cut_out() {
        // Landmarks count pixel centres from 0, so the square's pixels are half-way between.
        let cut = align(&ramp(100, 100), &square(20.5, 30.5, 32.0), 32).unwrap();
        for (at, pixel) in cut.data.chunks_exact(3).enumerate() {
            let (x, y) = ((21 + at % 32) as u8, (31 + at / 32) as u8);
            assert!(pixel[0].abs_diff(x) <= 1 && pixel[1].abs_diff(y) <= 1, "{at}: {pixel:?}");
            assert_eq!(pixel[2], 90);
        }
    }

    #[test]
    fn a_turned_square_is_turned_back() {
        // A quarter turn: the square's first side runs down the image.
        let quad = Quad { corners: [[60.0, 20.0], [28.0, 20.0], [28.0, 52.0], [60.0, 52.0]] };
        let cut = align(&ramp(100, 100), &quad, 16).unwrap();
        let at = |x: usize, y: usize| &cut.data[(y * 16 + x) * 3..][..2];
        assert!(at(0, 0)[0] > 55 && at(0, 0)[1] < 25);
        assert!(at(15, 0)[0] > 55 && at(15, 0)[1] > 45);
        assert!(at(0, 15)[0] < 33 && at(0, 15)[1] < 25);
    }

    #[test]
    fn large_images_are_shrunk_first_and_the_outside_is_continued() {
        let flat = Pixels { width: 300, height: 200, channels: 1, data: vec![70; 60_000] };
        let cut = align(&flat, &square(-40.0, -30.0, 260.0), 16).unwrap();
        assert_eq!((cut.width, cut.height), (16, 16));
        assert!(cut.data.iter().all(|&value| value == 70));
        // The outside is blurred: its corner is nearer to the median than the image's own corner.
        let mut image = ramp(128, 128);
        image.data.iter_mut().for_each(|value| *value = value.saturating_mul(2));
        let cut = align(&image, &square(-60.0, -60.0, 128.0), 64).unwrap();
        assert!(cut.data[0] > 40, "{}", cut.data[0]);
    }

    #[test]
    fn landmarks_outside_of_the_image_are_refused() {
        assert!(align(&ramp(50, 50), &square(500.0, 0.0, 20.0), 16).is_err());
        assert!(align(&ramp(50, 50), &square(-1e5, -1e5, 2e5), 16).is_err());
    }

    #[test]
    fn reflection_repeats_without_the_edge() {
        let line: Vec<usize> = (0..10).map(|at| reflected(at, 4, 3)).collect();
        assert_eq!(line, [0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        assert_eq!(reflected(7, 3, 1), 0);
    }
}
