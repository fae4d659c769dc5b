//! Means over blocks: from full resolution to the resolution that training is at.

use rayon::prelude::*;

use crate::error::DatasetError;

/// Averages every `factor` by `factor` block of planes of bytes.
///
/// `planes` is `[N, height, width]` for any N (images and channels flattened); the result is
/// `[N, height / factor, width / factor]`, of exact means from 0 to 255 that are not rounded to
/// bytes. The order of the additions does not matter: they are made in integers.
///
/// # Errors
/// If `factor` is zero or does not divide both sides, or `planes` holds no whole number of planes.
pub fn box_downscale(
    planes: &[u8],
    (height, width): (usize, usize),
    factor: usize,
) -> Result<Vec<f32>, DatasetError> {
    let area = height * width;
    let whole = factor > 0
        && area > 0
        && height.is_multiple_of(factor)
        && width.is_multiple_of(factor)
        && planes.len().is_multiple_of(area);
    if !whole {
        return Err(DatasetError::Downscale { height, width, factor });
    }
    if factor == 1 {
        return Ok(planes.iter().map(|&v| f32::from(v)).collect());
    }
    let out_width = width / factor;
    let mut means = vec![0.0; planes.len() / (factor * factor)];
    // One task a row of blocks: enough work each, and the same split at any number of threads.
    means.par_chunks_mut(out_width).zip(planes.par_chunks(width * factor)).for_each(
        |(out, rows)| {
            let mut sums = vec![0u32; out_width];
            for row in rows.chunks(width) {
                for (sum, block) in sums.iter_mut().zip(row.chunks(factor)) {
                    *sum += block.iter().map(|&v| u32::from(v)).sum::<u32>();
                }
            }
            let count = (factor * factor) as f64;
            for (mean, sum) in out.iter_mut().zip(sums) {
                *mean = (f64::from(sum) / count) as f32;
            }
        },
    );
    Ok(means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_blocks_of_every_plane() {
        let planes: Vec<u8> = (0..16).chain(100..116).collect();
        let means = box_downscale(&planes, (4, 4), 2).unwrap();
        assert_eq!(means, [2.5, 4.5, 10.5, 12.5, 102.5, 104.5, 110.5, 112.5]);
        assert_eq!(box_downscale(&planes, (4, 4), 4).unwrap(), [7.5, 107.5]);
        assert_eq!(box_downscale(&planes, (4, 4), 1).unwrap()[17], 101.0);
    }

    #[test]
    fn takes_planes_that_are_not_square() {
        assert_eq!(box_downscale(&[0, 2, 4, 6, 10, 12, 14, 16], (2, 4), 2).unwrap(), [6.0, 10.0]);
    }

    #[test]
    fn refuses_what_does_not_divide() {
        for (len, size, factor) in
            [(16, (4, 4), 3), (16, (4, 4), 0), (15, (4, 4), 2), (0, (0, 4), 2)]
        {
            assert!(box_downscale(&vec![0; len], size, factor).is_err());
        }
    }
}
