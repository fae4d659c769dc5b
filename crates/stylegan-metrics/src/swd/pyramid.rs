//! Laplacian pyramids (Burt and Adelson 1983, "The Laplacian Pyramid as a Compact Image Code"), with mirrored borders.

/// The binomial filter's taps, which add up to 1.
const TAPS: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// One level of an image: [C, H, W].
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub height: usize,
    pub width: usize,
    pub values: Vec<f32>,
}

/// The levels of an image, the finest first, until the smaller side is at most `coarsest`; the last is what remains.
pub(super) fn pyramid(
    image: &[f32],
    channels: usize,
    (height, width): (usize, usize),
    coarsest: usize,
) -> Vec<Map> {
    debug_assert_eq!(image.len(), channels * height * width);
    let mut levels = vec![Map { height, width, values: image.to_vec() }];
    while let Some(fine) = levels.pop() {
        let even = fine.height % 2 == 0 && fine.width % 2 == 0;
        if fine.height.min(fine.width) / 2 < coarsest || !even {
            levels.push(fine);
            break;
        }
        let coarse = halved(&fine);
        let guess = doubled(&coarse);
        let values = fine.values.iter().zip(&guess.values).map(|(x, guess)| x - guess).collect();
        levels.push(Map { values, ..fine });
        levels.push(coarse);
    }
    levels
}

/// Smoothed, and every second pixel of every second row kept.
fn halved(map: &Map) -> Map {
    let smooth = smoothed(map, 1.0);
    let (height, width) = (map.height / 2, map.width / 2);
    let mut values = Vec::with_capacity(map.values.len() / 4);
    for plane in smooth.chunks_exact(map.height * map.width) {
        for row in plane.chunks_exact(map.width).step_by(2) {
            values.extend(row.iter().step_by(2));
        }
    }
    Map { height, width, values }
}

/// Zeros put between pixels and rows, then smoothed with twice the filter along each axis.
fn doubled(map: &Map) -> Map {
    let (height, width) = (map.height * 2, map.width * 2);
    let planes = map.values.len() / (map.height * map.width);
    let mut values = vec![0.0; planes * height * width];
    for (row, target) in map.values.chunks_exact(map.width).zip(values.chunks_exact_mut(2 * width))
    {
        target[..width].iter_mut().step_by(2).zip(row).for_each(|(target, x)| *target = *x);
    }
    let wide = Map { height, width, values };
    let values = smoothed(&wide, 4.0);
    Map { values, ..wide }
}

/// The filter along both axes, times a gain; beyond the border the map is mirrored at its last pixel.
fn smoothed(map: &Map, gain: f32) -> Vec<f32> {
    let mirror = |at: isize, size: usize| -> usize {
        let last = size as isize - 1;
        let at = if at < 0 { -at } else { at };
        let at = if at > last { 2 * last - at } else { at };
        at.clamp(0, last) as usize
    };
    let (height, width) = (map.height, map.width);
    let mut wide = Vec::with_capacity(map.values.len());
    for row in map.values.chunks_exact(width) {
        for x in 0..width {
            let sum: f32 = (0..5)
                .map(|tap| TAPS[tap] * row[mirror(x as isize + tap as isize - 2, width)])
                .sum();
            wide.push(gain * sum);
        }
    }
    let mut out = vec![0.0; map.values.len()];
    let planes = wide.chunks_exact(height * width).zip(out.chunks_exact_mut(height * width));
    for (plane, out) in planes {
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            for (tap, weight) in TAPS.iter().enumerate() {
                let row = mirror(y as isize + tap as isize - 2, height) * width;
                let row = &plane[row..row + width];
                out.iter_mut().zip(row).for_each(|(out, x)| *out += weight * x);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_add_up_to_the_image() {
        let image: Vec<f32> = (0..2 * 64 * 64).map(|i| ((i * 37) % 101) as f32 / 50.0).collect();
        let levels = pyramid(&image, 2, (64, 64), 16);
        let sizes: Vec<_> = levels.iter().map(|level| level.height).collect();
        assert_eq!(sizes, [64, 32, 16]);
        let mut sum = levels[2].clone();
        for level in levels[..2].iter().rev() {
            sum = doubled(&sum);
            sum.values.iter_mut().zip(&level.values).for_each(|(sum, x)| *sum += x);
        }
        let worst = sum.values.iter().zip(&image).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }

    #[test]
    fn an_even_image_has_nothing_but_its_coarsest_level() {
        let levels = pyramid(&[0.5; 3 * 32 * 32], 3, (32, 32), 16);
        // Inside; at the border the mirrored zeros of doubling weigh as much.
        assert!(levels[0].values.iter().all(|x| x.abs() < 1e-6));
        assert!(levels[1].values.iter().all(|x| (x - 0.5).abs() < 1e-6));
    }
}
