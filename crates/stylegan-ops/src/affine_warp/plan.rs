//! What one image's warp reads, worked out once for all channels.

use candle_core::{Result, bail};

use super::Affine;

/// The part of the doubled image that is read may be so many times as long as the image itself: warps of the augmentation pipeline stay far
/// below, and a slip cannot take all memory.
const LONGEST: f64 = 64.0;

/// One axis of the doubled source.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Elements of the image.
    pub len: usize,
    /// The first element of the doubled image that is read.
    pub first: isize,
    /// How many are.
    pub count: usize,
    /// Elements of the doubled result that are halved.
    pub window: usize,
}

/// The places that a warp reads.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub rows: Axis,
    pub columns: Axis,
    /// For each place of the doubled result, row by row: the upper left of the four elements it lies between, as an index into the part of the
    /// doubled source that is read, and how far it lies from it, right and down.
    pub samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub index: u32,
    pub right: f32,
    pub down: f32,
}

impl Plan {
    pub(super) fn new(affine: &Affine, (h, w): (usize, usize), taps: &[f64]) -> Result<Self> {
        // A pixel becomes a hump whose middle is the filter's centre of mass, which lies beside the filter's middle where taps are not symmetric.
        let mass: f64 = taps.iter().enumerate().map(|(t, tap)| t as f64 * tap).sum();
        let taps = taps.len();
        let before = (taps / 2 - 1) as f64;
        let window = |len: usize| 2 * len + taps - 2;
        let (rows, columns) = (window(h), window(w));
        // Where the centre of the image is, counted from the window's first element.
        let middle = |len: usize| len as f64 - 1.0 + mass;
        let place = |row: f64, column: f64| {
            let (y, x) = (row - middle(h), column - middle(w));
            let [across, down] = affine.map(|[a, b, c]| a * x + b * y + 2.0 * c);
            (down + middle(h) - before, across + middle(w) - before)
        };
        let (last_row, last_column) = ((rows - 1) as f64, (columns - 1) as f64);
        let corners = [(0.0, 0.0), (last_row, 0.0), (0.0, last_column), (last_row, last_column)]
            .map(|(row, column)| place(row, column));
        let axis = |len: usize, window: usize, of: fn(&(f64, f64)) -> f64| {
            let values = corners.each_ref().map(of);
            let low = values.iter().copied().fold(f64::INFINITY, f64::min).floor();
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max).floor();
            // One more behind, for the second neighbour.
            let count = high - low + 2.0;
            // A comparison that NaN fails too.
            let possible = count <= LONGEST * len as f64 && low.abs() <= 1e6;
            if !possible {
                bail!("affine_warp: {affine:?} reads {count} elements of a doubled {len}");
            }
            Ok(Axis { len, first: low as isize, count: count as usize, window })
        };
        let (rows, columns) = (axis(h, rows, |p| p.0)?, axis(w, columns, |p| p.1)?);
        let mut samples = Vec::with_capacity(rows.window * columns.window);
        for row in 0..rows.window {
            for column in 0..columns.window {
                let (y, x) = place(row as f64, column as f64);
                let (y, down) = split(y, &rows);
                let (x, right) = split(x, &columns);
                samples.push(Sample { index: (y * columns.count + x) as u32, right, down });
            }
        }
        Ok(Self { rows, columns, samples })
    }
}

/// The element before a place, counted from the first that is read, and the distance from it. The corners are the extremes but for rounding,
/// which the bounds absorb.
fn split(place: f64, axis: &Axis) -> (usize, f32) {
    let inside = (place - axis.first as f64).clamp(0.0, axis.count as f64 - 1.0);
    let before = (inside.floor() as usize).min(axis.count - 2);
    (before, (inside - before as f64) as f32)
}

impl Axis {
    /// The products that the element `i` of the part that is read is the sum of: the tap of the first, and its element before mirroring. Each
    /// further product is two taps on and one element back.
    #[inline(always)]
    pub(super) fn first_product(&self, i: usize, taps: usize) -> (usize, isize) {
        let place = self.first + i as isize + (taps / 2 - 1) as isize;
        (place.rem_euclid(2) as usize, place.div_euclid(2))
    }

    /// The element that lies at `k` when the image is mirrored at its first and last elements, again and again.
    #[inline(always)]
    pub(super) fn mirror(&self, k: isize) -> usize {
        let last = self.len as isize - 1;
        if last == 0 {
            return 0;
        }
        let k = k.rem_euclid(2 * last);
        (if k > last { 2 * last - k } else { k }) as usize
    }
}
