//! What is in a collection.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::duplicates::{Look, Pair, near_duplicates};
use crate::dataset::Progress;
use crate::source::Source;

/// Pictures looked at between two sums.
const CHUNK: usize = 1024;

/// What is in a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// Pictures that can be read.
    pub images: usize,
    /// Pictures that cannot, by name, with the reason.
    pub bad: Vec<(String, String)>,
    /// Files that are no pictures.
    pub ignored: usize,
    /// Pictures of each height and width.
    pub sizes: BTreeMap<(usize, usize), usize>,
    /// Pictures of 1 (grey), 3 (RGB) and 4 (with alpha) channels.
    pub channels: BTreeMap<usize, usize>,
    /// Mean of red, green and blue over all pixels, 0 to 255; transparent pixels are on white.
    pub mean: [f64; 3],
    /// Standard deviation of the same.
    pub deviation: [f64; 3],
    /// Pictures of each class, or of which each value of the label is above zero.
    pub classes: Vec<(String, usize)>,
    /// Pairs of pictures that look alike, by number; the nearest first.
    pub duplicates: Vec<Pair>,
}

struct Seen {
    size: (usize, usize),
    channels: usize,
    sums: [u64; 3],
    squares: [u64; 3],
    look: Look,
}

fn see(source: &dyn Source, index: usize) -> Result<Seen, String> {
    let pixels = source.read(index)?.decode(None)?;
    let (size, channels) = ((pixels.height, pixels.width), pixels.channels);
    let look = Look::new(&pixels);
    let rgb = pixels.with_channels(3);
    let (mut sums, mut squares) = ([0; 3], [0; 3]);
    for pixel in rgb.data.as_chunks::<3>().0 {
        for c in 0..3 {
            let value = u64::from(pixel[c]);
            sums[c] += value;
            squares[c] += value * value;
        }
    }
    Ok(Seen { size, channels, sums, squares, look })
}

/// Reads every picture and counts. Sums are whole numbers, so the result does not depend on the
/// number of threads.
///
/// Pairs that differ in at most `distance` of the 64 bits of their perceptual hash are listed; none
/// are looked for without a distance.
pub fn stats(
    source: &dyn Source,
    distance: Option<u32>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Stats {
    let total = source.len();
    let done = AtomicUsize::new(0);
    let (mut bad, mut looks, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sizes, mut channels) = (BTreeMap::new(), BTreeMap::new());
    let (mut sums, mut squares, mut pixels) = ([0u128; 3], [0u128; 3], 0u128);
    for start in (0..total).step_by(CHUNK) {
        let seen: Vec<_> = (start..total.min(start + CHUNK))
            .into_par_iter()
            .map(|index| {
                let seen = see(source, index);
                progress(Progress { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
                seen
            })
            .collect();
        for (index, seen) in (start..).zip(seen) {
            let seen = match seen {
                Ok(seen) => seen,
                Err(reason) => {
                    bad.push((source.name(index), reason));
                    continue;
                }
            };
            *sizes.entry(seen.size).or_default() += 1;
            *channels.entry(seen.channels).or_default() += 1;
            pixels += (seen.size.0 * seen.size.1) as u128;
            for c in 0..3 {
                sums[c] += u128::from(seen.sums[c]);
                squares[c] += u128::from(seen.squares[c]);
            }
            if distance.is_some() {
                looks.push(seen.look);
                numbers.push(index);
            }
        }
    }
    let images = total - bad.len();
    let count = (pixels as f64).max(1.0);
    let mean = sums.map(|sum| sum as f64 / count);
    let deviation =
        std::array::from_fn(|c| (squares[c] as f64 / count - mean[c] * mean[c]).max(0.0).sqrt());
    let mut duplicates = distance.map_or(Vec::new(), |most| near_duplicates(&looks, most));
    for pair in &mut duplicates {
        (pair.first, pair.second) = (numbers[pair.first], numbers[pair.second]);
    }
    let classes = source.labels().counts(total);
    let ignored = source.ignored();
    Stats { images, bad, ignored, sizes, channels, mean, deviation, classes, duplicates }
}
