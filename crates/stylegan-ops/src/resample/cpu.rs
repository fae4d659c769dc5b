//! Float32 kernels for the CPU, row by row: planes follow one another, so that all rows of a tensor are one list.

use pulp::Arch;

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;

/// Every row of `width` becomes two rows of twice that width, times `gain`.
pub(super) fn up(x: &[f32], width: usize, gain: f32) -> Vec<f32> {
    if x.is_empty() {
        return Vec::new();
    }
    let rows = x.len() / width;
    let pair = 4 * width;
    // SAFETY: the chunks cover every row, and each writes the two rows it becomes.
    unsafe {
        build_f32(4 * x.len(), |out| {
            for_each_chunk(rows, (GRAIN / pair).max(1), |range| {
                let out = out.slice_mut(range.start * pair, range.len() * pair);
                let x = &x[range.start * width..range.end * width];
                Arch::new().dispatch(|| match width {
                    4 => up_rows(x, out, 4, gain),
                    8 => up_rows(x, out, 8, gain),
                    16 => up_rows(x, out, 16, gain),
                    width => up_rows(x, out, width, gain),
                });
            });
        })
    }
}

#[inline(always)]
fn up_rows(x: &[f32], out: &mut [f32], width: usize, gain: f32) {
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(4 * width)) {
        let (first, second) = out.split_at_mut(2 * width);
        for (out, &x) in first.as_chunks_mut::<2>().0.iter_mut().zip(x) {
            *out = [x * gain; 2];
        }
        second.copy_from_slice(first);
    }
}

/// Every two rows of `width` become one row of half that width: sums of two by two elements, times `gain`.
pub(super) fn down(x: &[f32], width: usize, gain: f32) -> Vec<f32> {
    if x.is_empty() {
        return Vec::new();
    }
    let pair = 2 * width;
    let half = width / 2;
    let rows = x.len() / pair;
    // SAFETY: the chunks cover every row of the result, and each writes its own.
    unsafe {
        build_f32(x.len() / 4, |out| {
            for_each_chunk(rows, (GRAIN / pair).max(1), |range| {
                let out = out.slice_mut(range.start * half, range.len() * half);
                let x = &x[range.start * pair..range.end * pair];
                Arch::new().dispatch(|| match width {
                    8 => down_rows(x, out, 8, gain),
                    16 => down_rows(x, out, 16, gain),
                    32 => down_rows(x, out, 32, gain),
                    width => down_rows(x, out, width, gain),
                });
            });
        })
    }
}

#[inline(always)]
fn down_rows(x: &[f32], out: &mut [f32], width: usize, gain: f32) {
    for (x, out) in x.chunks_exact(2 * width).zip(out.chunks_exact_mut(width / 2)) {
        let (first, second) = x.split_at(width);
        let (first, second) = (first.as_chunks::<2>().0, second.as_chunks::<2>().0);
        for ((out, a), b) in out.iter_mut().zip(first).zip(second) {
            *out = ((a[0] + a[1]) + (b[0] + b[1])) * gain;
        }
    }
}
