//! Float32 kernel for the CPU. Each row of the result is made of rows of the input in a line that stays in the first cache, and then along itself.

use super::Direction;
use crate::kernel::{build_f32, for_each_chunk, with_scratch};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

const NEAR: f32 = 0.75;
const FAR: f32 = 0.25;

/// The resampling of `planes` planes of `size`.
pub(super) fn apply(
    x: &[f32],
    planes: usize,
    size: (usize, usize),
    direction: Direction,
) -> Vec<f32> {
    let (rows, width) = direction.output(size);
    let total = planes * rows;
    if total * width == 0 {
        return Vec::new();
    }
    // SAFETY: the chunks cover every row of the result, and each writes its own.
    unsafe {
        build_f32(total * width, |out| {
            for_each_chunk(total, (GRAIN / width).max(1), |range| {
                let out = out.slice_mut(range.start * width, range.len() * width);
                // One element more at each end: the border repeated.
                with_scratch(size.1 + 2, |line| match direction {
                    Direction::Doubling => doubling(out, x, range.start, size, line),
                    Direction::Halving => halving(out, x, range.start, size, line),
                });
            });
        })
    }
}

vectorized! {
    fn doubling(out: &mut [f32], x: &[f32], first: usize, size: (usize, usize), line: &mut [f32]) {
        let (h, w) = size;
        for (index, out) in out.chunks_exact_mut(2 * w).enumerate() {
            let (plane, row) = ((first + index) / (2 * h), (first + index) % (2 * h));
            let near = row / 2;
            let far = if row % 2 == 1 { (near + 1).min(h - 1) } else { near.saturating_sub(1) };
            let x = &x[plane * h * w..][..h * w];
            let (near, far) = (&x[near * w..][..w], &x[far * w..][..w]);
            for ((line, near), far) in line[1..=w].iter_mut().zip(near).zip(far) {
                *line = NEAR * near + FAR * far;
            }
            repeat_border(line, w);
            let (before, here, after) = (&line[..w], &line[1..=w], &line[2..w + 2]);
            let pairs = out.as_chunks_mut::<2>().0;
            for (((pair, before), here), after) in pairs.iter_mut().zip(before).zip(here).zip(after) {
                *pair = [NEAR * here + FAR * before, NEAR * here + FAR * after];
            }
        }
    }
}

vectorized! {
    fn halving(out: &mut [f32], g: &[f32], first: usize, size: (usize, usize), line: &mut [f32]) {
        let (h, w) = size;
        let (rows, width) = (h / 2, w / 2);
        for (index, out) in out.chunks_exact_mut(width).enumerate() {
            let (plane, row) = ((first + index) / rows, (first + index) % rows);
            let g = &g[plane * h * w..][..h * w];
            let at = |row: usize| &g[row.min(h - 1) * w..][..w];
            let (a, b, c, d) = (at((2 * row).saturating_sub(1)), at(2 * row), at(2 * row + 1), at(2 * row + 2));
            for (i, line) in line[1..=w].iter_mut().enumerate() {
                *line = FAR * (a[i] + d[i]) + NEAR * (b[i] + c[i]);
            }
            repeat_border(line, w);
            let (outer, inner) = (&line[..w], &line[2..w + 2]);
            let middle = line[1..=w].as_chunks::<2>().0;
            let (outer, inner) = (outer.as_chunks::<2>().0, inner.as_chunks::<2>().0);
            for (((out, a), [b, c]), d) in out.iter_mut().zip(outer).zip(middle).zip(inner) {
                *out = FAR * (a[0] + d[1]) + NEAR * (b + c);
            }
        }
    }
}

/// Repeats the first and the last of `w` elements beyond the ends.
#[inline(always)]
fn repeat_border(line: &mut [f32], w: usize) {
    line[0] = line[1];
    line[w + 1] = line[w];
}
