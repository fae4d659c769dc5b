//! Float32 kernel for the CPU: every row of the output from three rows of the input, in one pass.

use pulp::Arch;

use crate::kernel::{build_f32, for_each_chunk, with_scratch};
use crate::planes::GRAIN;

/// The blur of `planes` planes of `height` rows of `width`.
pub(super) fn blur(x: &[f32], planes: usize, height: usize, width: usize) -> Vec<f32> {
    let rows = planes * height;
    if rows * width == 0 {
        return Vec::new();
    }
    // SAFETY: the chunks cover every row, and each writes its own.
    unsafe {
        build_f32(rows * width, |out| {
            for_each_chunk(rows, (GRAIN / width).max(1), |range| {
                let out = out.slice_mut(range.start * width, range.len() * width);
                let first = range.start;
                // A row with a zero on either side, where the border's neighbours are looked up.
                with_scratch(width + 2, |padded| {
                    Arch::new().dispatch(|| match width {
                        // Known widths turn the short rows of small maps into straight vector code.
                        4 => blur_rows(x, out, first, height, 4, padded),
                        8 => blur_rows(x, out, first, height, 8, padded),
                        16 => blur_rows(x, out, first, height, 16, padded),
                        32 => blur_rows(x, out, first, height, 32, padded),
                        width => blur_rows(x, out, first, height, width, padded),
                    });
                });
            });
        })
    }
}

/// Fills `out` with the rows of the result from the row `first` on. `padded` has two elements more than a row.
#[inline(always)]
fn blur_rows(
    x: &[f32],
    out: &mut [f32],
    first: usize,
    height: usize,
    width: usize,
    padded: &mut [f32],
) {
    let padded = &mut padded[..width + 2];
    padded[0] = 0.0;
    padded[width + 1] = 0.0;
    for (index, out) in out.chunks_exact_mut(width).enumerate() {
        let row = first + index;
        let at = |row: usize| &x[row * width..(row + 1) * width];
        let middle = at(row);
        let column = &mut padded[1..=width];
        let y = row % height;
        match (y > 0, y + 1 < height) {
            (true, true) => {
                let (above, below) = (at(row - 1), at(row + 1));
                for i in 0..width {
                    column[i] = (above[i] + below[i]) + 2.0 * middle[i];
                }
            }
            (false, false) => {
                for i in 0..width {
                    column[i] = 2.0 * middle[i];
                }
            }
            (above, _) => {
                let other = at(if above { row - 1 } else { row + 1 });
                for i in 0..width {
                    column[i] = other[i] + 2.0 * middle[i];
                }
            }
        }
        let (left, right) = (&padded[..width], &padded[2..width + 2]);
        let centre = &padded[1..=width];
        for i in 0..width {
            out[i] = ((left[i] + right[i]) + 2.0 * centre[i]) * (1.0 / 16.0);
        }
    }
}
