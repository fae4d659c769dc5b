//! The levels of a picture: 2x2 means of 2x2 means.

use crate::dataset::Image;

/// No level has a side below this.
const SMALLEST: usize = 4;

/// Height and width of each level: halved as long as both sides are even and stay at 4 or more.
pub(super) fn sizes((mut height, mut width): (usize, usize)) -> Vec<(usize, usize)> {
    let mut sizes = vec![(height, width)];
    while height.is_multiple_of(2) && width.is_multiple_of(2) && height.min(width) >= 2 * SMALLEST {
        height /= 2;
        width /= 2;
        sizes.push((height, width));
    }
    sizes
}

/// The pixels of every level, full resolution first.
///
/// Each level is the mean over 2x2 pixels of the level above before that was rounded, as the
/// official tool makes it, and is rounded once, halves to the even neighbour. The sums are whole
/// numbers, so the means are exact.
pub fn pyramid(image: &Image) -> Vec<Vec<u8>> {
    let mut levels = vec![image.data.clone()];
    let mut sums: Vec<u32> = Vec::new();
    for (level, &(height, width)) in sizes((image.height, image.width)).iter().enumerate().skip(1) {
        let above = 2 * width;
        let rows = |row: &[u32], next: &[u32], out: &mut Vec<u32>| {
            let pairs = row.as_chunks::<2>().0.iter().zip(next.as_chunks::<2>().0);
            out.extend(pairs.map(|(a, b)| a[0] + a[1] + b[0] + b[1]));
        };
        if level == 1 {
            sums = image.data.iter().map(|&value| value.into()).collect();
        }
        let mut smaller = Vec::with_capacity(image.channels * height * width);
        for pair in sums.chunks_exact(2 * above) {
            rows(&pair[..above], &pair[above..], &mut smaller);
        }
        sums = smaller;
        let shift = 2 * level as u32;
        levels.push(sums.iter().map(|&sum| rounded(sum, shift)).collect());
    }
    levels
}

/// `sum / 2^shift`, halves to the even neighbour.
fn rounded(sum: u32, shift: u32) -> u8 {
    let half = 1 << (shift - 1);
    let (whole, rest) = (sum >> shift, sum & ((1 << shift) - 1));
    let up = rest > half || (rest == half && whole & 1 == 1);
    (whole + u32::from(up)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_end_at_four_or_where_a_side_is_odd() {
        assert_eq!(sizes((32, 32)), [(32, 32), (16, 16), (8, 8), (4, 4)]);
        assert_eq!(sizes((32, 16)), [(32, 16), (16, 8), (8, 4)]);
        assert_eq!(sizes((28, 28)), [(28, 28), (14, 14), (7, 7)]);
        assert_eq!(sizes((5, 6)), [(5, 6)]);
    }

    #[test]
    fn levels_are_rounded_once() {
        // Four blocks with means 0.5, 1.5, 0.5 and 0.5: rounded first, 0 + 2 + 0 + 0 would give 0.5.
        let mut data = vec![0; 64];
        for (at, value) in [(0, 2), (2, 6), (16, 2), (18, 2)] {
            data[at] = value;
        }
        let image = Image { width: 8, height: 8, channels: 1, data };
        let levels = pyramid(&image);
        assert_eq!(levels.len(), 2);
        assert_eq!(levels[1][..2], [0, 2]);
        let flat = Image { width: 16, height: 16, channels: 3, data: vec![201; 768] };
        assert!(pyramid(&flat).iter().flatten().all(|&value| value == 201));
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!([2, 6, 7, 1020].map(|sum| rounded(sum, 2)), [0, 2, 2, 255]);
    }
}
