//! Padded copies of a band of a map, split by the stride.

use std::ops::Range;

use crate::kernel::LANES;

/// How one band is laid out: [phase of rows][phase of columns][rows][pitch], per channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub stride: usize,
    /// Rows of the band of one phase.
    pub rows: usize,
    /// Distance between rows.
    pub pitch: usize,
    /// Elements per channel.
    pub plane: usize,
}

impl Layout {
    /// For `out_rows` by `out_width` outputs of a kernel of `kernel` taps along each axis.
    pub(super) fn new(out_rows: usize, out_width: usize, kernel: usize, stride: usize) -> Self {
        let extra = (kernel - 1) / stride;
        let (rows, pitch) = (out_rows + extra, out_width + extra);
        Self { stride, rows, pitch, plane: stride * stride * rows * pitch }
    }

    /// Where tap (ky, kx) reads for the band's first output.
    pub(super) fn tap(&self, ky: usize, kx: usize) -> usize {
        let phase = ky % self.stride * self.stride + kx % self.stride;
        (phase * self.rows + ky / self.stride) * self.pitch + kx / self.stride
    }

    /// Positions of `out_rows` rows of outputs, counted along the pitch, in whole vectors.
    pub(super) fn columns(&self, out_rows: usize) -> usize {
        (out_rows * self.pitch).next_multiple_of(LANES)
    }

    /// Floats for `channels` copies. Whole vectors of positions read beyond the last row.
    pub(super) fn floats(&self, channels: usize) -> usize {
        channels * self.plane + self.pitch + 2 * LANES
    }

    /// Copies a map [height, width] whose element (`top`, `left`) (negative: padding) comes first; zeros elsewhere.
    #[inline(always)]
    pub(super) fn copy(
        &self,
        map: &[f32],
        (height, width): (usize, usize),
        (top, left): (isize, isize),
        out: &mut [f32],
    ) {
        let stride = self.stride;
        for (index, line) in out[..self.plane].chunks_exact_mut(self.pitch).enumerate() {
            let (phase, row) = (index / self.rows, index % self.rows);
            let y = top + (row * stride + phase / stride) as isize;
            let source = match usize::try_from(y) {
                Ok(y) if y < height => &map[y * width..(y + 1) * width],
                _ => {
                    line.fill(0.0);
                    continue;
                }
            };
            // place q reads column `first + q * stride`
            let first = left + (phase % stride) as isize;
            let inside = places(first, stride, width, self.pitch);
            line[..inside.start].fill(0.0);
            line[inside.end..].fill(0.0);
            if inside.is_empty() {
                continue;
            }
            let start = (first + (inside.start * stride) as isize) as usize;
            let (line, source) = (&mut line[inside], &source[start..]);
            match stride {
                1 => line.copy_from_slice(&source[..line.len()]),
                2 => {
                    let (last, pairs) = (line.len() - 1, source.chunks_exact(2));
                    for (value, pair) in line.iter_mut().zip(pairs) {
                        *value = pair[0];
                    }
                    line[last] = source[last * 2];
                }
                _ => {
                    for (value, read) in line.iter_mut().zip(source.iter().step_by(stride)) {
                        *value = *read;
                    }
                }
            }
        }
    }
}

/// The places q of `0..count` with `0 <= first + q * stride < width`.
fn places(first: isize, stride: usize, width: usize, count: usize) -> Range<usize> {
    let start = usize::try_from(-first).unwrap_or(0).div_ceil(stride);
    let end = usize::try_from(width as isize - first).unwrap_or(0).div_ceil(stride).min(count);
    start.min(end)..end
}
