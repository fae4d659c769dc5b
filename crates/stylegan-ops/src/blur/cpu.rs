//! Float32 kernel for the CPU: some rows at a time, columns first, into scratch memory that stays in the cache.

use crate::kernel::{build_f32, for_each_chunk, with_scratch};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

/// Elements that go through both passes together: 8 KiB.
const BAND: usize = 1 << 11;

/// The blur of `planes` planes of `height` rows of `width`.
pub(crate) fn blur(x: &[f32], planes: usize, height: usize, width: usize) -> Vec<f32> {
    let rows = planes * height;
    if rows * width == 0 {
        return Vec::new();
    }
    let band = (BAND / width).max(1);
    // A row of zeros, then the rows of a band, with a zero before the first and after each.
    let scratch = width + 1 + band * (width + 1);
    // SAFETY: the chunks cover every row, and each writes its own.
    unsafe {
        build_f32(rows * width, |out| {
            for_each_chunk(rows, (GRAIN / width).max(1), |range| {
                let out = out.slice_mut(range.start * width, range.len() * width);
                with_scratch(scratch, |scratch| {
                    blur_chunk(out, x, range.start, band, height, width, scratch);
                });
            });
        })
    }
}

vectorized! {
    fn blur_chunk(
        out: &mut [f32],
        x: &[f32],
        first: usize,
        band: usize,
        height: usize,
        width: usize,
        scratch: &mut [f32],
    ) {
        // Rows of known width become straight vector code, without which short ones are slow.
        match width {
            8 => blur_rows(out, x, first, band, height, 8, scratch),
            16 => blur_rows(out, x, first, band, height, 16, scratch),
            32 => blur_rows(out, x, first, band, height, 32, scratch),
            _ => blur_rows(out, x, first, band, height, width, scratch),
        }
    }
}

/// Fills `out` with the rows of the result from the row `start` on.
#[inline(always)]
fn blur_rows(
    out: &mut [f32],
    x: &[f32],
    start: usize,
    band: usize,
    height: usize,
    width: usize,
    scratch: &mut [f32],
) {
    let pitch = width + 1;
    let (zeros, columns) = scratch.split_at_mut(width);
    zeros.fill(0.0);
    columns[0] = 0.0;
    let row = |row: usize| &x[row * width..(row + 1) * width];
    for (index, out) in out.chunks_mut(band * width).enumerate() {
        let first = start + index * band;
        let rows = out.len() / width;
        for offset in 0..rows {
            let (centre, y) = (first + offset, (first + offset) % height);
            let above = if y > 0 { row(centre - 1) } else { &*zeros };
            let below = if y + 1 < height { row(centre + 1) } else { &*zeros };
            let columns = &mut columns[offset * pitch + 1..][..pitch];
            columns[width] = 0.0;
            filter(&mut columns[..width], above, row(centre), below, 1.0);
        }
        for (offset, out) in out.chunks_exact_mut(width).enumerate() {
            let columns = &columns[offset * pitch..][..width + 2];
            let (left, centre, right) = (&columns[..width], &columns[1..=width], &columns[2..]);
            filter(out, left, centre, right, 1.0 / 16.0);
        }
    }
}

/// `((a + c) + 2 b) * factor`.
#[inline(always)]
fn filter(out: &mut [f32], a: &[f32], b: &[f32], c: &[f32], factor: f32) {
    let len = out.len();
    let (a, b, c) = (&a[..len], &b[..len], &c[..len]);
    for i in 0..len {
        out[i] = ((a[i] + c[i]) + 2.0 * b[i]) * factor;
    }
}
