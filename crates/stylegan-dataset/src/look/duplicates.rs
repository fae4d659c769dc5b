//! Pictures that look alike, by a perceptual hash: whether each of 8x8 pixels is brighter than its
//! right neighbour (the "difference hash").

use std::collections::{BTreeSet, HashMap};

use crate::picture::{Filter, Pixels, resample};

const ROWS: usize = 8;
const COLUMNS: usize = 9;

/// Grey levels by which two thumbnails may differ on average and still look alike. The hash of a
/// flat picture says nothing about its brightness.
const MOST_DIFFERENCE: u32 = 6;

/// The most pairs that are listed; a set of one picture a thousand times has half a million.
const MOST_PAIRS: usize = 10_000;

/// How a picture looks from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    hash: u64,
    thumbnail: [u8; ROWS * COLUMNS],
}

/// Two pictures that look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Number of the first.
    pub first: usize,
    /// Number of the second.
    pub second: usize,
    /// Bits of the hash that differ; 0 for pictures that look the same.
    pub distance: u32,
}

impl Look {
    /// Looks at a picture of any size.
    pub fn new(pixels: &Pixels) -> Self {
        let grey = pixels.clone().with_channels(1);
        let small = resample::stretch(&grey, (ROWS, COLUMNS), Filter::Box);
        let mut thumbnail = [0; ROWS * COLUMNS];
        thumbnail.copy_from_slice(&small.data);
        let mut hash = 0;
        for row in small.data.chunks_exact(COLUMNS) {
            for pair in row.windows(2) {
                hash = hash << 1 | u64::from(pair[0] > pair[1]);
            }
        }
        Self { hash, thumbnail }
    }

    /// Bits that differ, unless the pictures do not look alike.
    fn distance(&self, other: &Self, most: u32) -> Option<u32> {
        let bits = (self.hash ^ other.hash).count_ones();
        let pairs = self.thumbnail.iter().zip(&other.thumbnail);
        let difference: u32 = pairs.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let alike = difference <= MOST_DIFFERENCE * (ROWS * COLUMNS) as u32;
        (bits <= most && alike).then_some(bits)
    }
}

/// Pairs that differ in at most `most` bits (at most 7), the nearest first.
///
/// Hashes that differ in less than `n` bits agree in at least one of `n` parts, so only those that
/// share a part are compared.
pub fn near_duplicates(looks: &[Look], most: u32) -> Vec<Pair> {
    let most = most.min(7);
    let parts = most + 1;
    let width = u64::BITS / parts;
    let mut found: BTreeSet<(u32, usize, usize)> = BTreeSet::new();
    for part in 0..parts {
        let mask = if width == u64::BITS { u64::MAX } else { (1 << width) - 1 };
        let mut groups: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, look) in looks.iter().enumerate() {
            groups.entry(look.hash >> (part * width) & mask).or_default().push(index);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        groups.sort_unstable();
        for group in groups.iter().filter(|group| group.len() > 1) {
            for (at, &first) in group.iter().enumerate() {
                for &second in &group[at + 1..] {
                    if let Some(distance) = looks[first].distance(&looks[second], most) {
                        found.insert((distance, first, second));
                    }
                }
                if found.len() > MOST_PAIRS {
                    break;
                }
            }
        }
    }
    let pairs = found.into_iter().take(MOST_PAIRS);
    pairs.map(|(distance, first, second)| Pair { first, second, distance }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(seed: usize, noise: usize) -> Pixels {
        let wave = |x: usize, y: usize| ((x * (seed * 7 + 3) + y * (seed * 5 + 2)) % 97 * 2) as u8;
        let data =
            (0..1024).map(|at| wave(at % 32 / 4, at / 128).saturating_add((at * noise % 3) as u8));
        Pixels { width: 32, height: 32, channels: 1, data: data.collect() }
    }

    #[test]
    fn finds_copies_and_near_copies_and_nothing_else() {
        let pictures = [picture(1, 0), picture(2, 0), picture(1, 0), picture(3, 0), picture(2, 1)];
        let looks: Vec<Look> = pictures.iter().map(Look::new).collect();
        let pairs: Vec<_> =
            near_duplicates(&looks, 7).into_iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(pairs, [(0, 2), (1, 4)]);
    }

    #[test]
    fn flat_pictures_of_another_brightness_are_not_alike() {
        let flat = |value| Pixels { width: 9, height: 8, channels: 1, data: vec![value; 72] };
        let looks: Vec<Look> = [10, 200, 11].map(flat).iter().map(Look::new).collect();
        let pairs = near_duplicates(&looks, 0);
        assert_eq!(pairs, [Pair { first: 0, second: 2, distance: 0 }]);
    }
}
