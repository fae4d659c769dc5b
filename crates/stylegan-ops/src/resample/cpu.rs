//! Float32 kernels for the CPU, row by row: planes follow one another, so that all rows of a tensor are one list.

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

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
                up_chunk(out, &x[range.start * width..range.end * width], width, gain);
            });
        })
    }
}

vectorized! {
    fn up_chunk(out: &mut [f32], x: &[f32], width: usize, gain: f32) {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(4 * width)) {
            let (first, second) = out.split_at_mut(2 * width);
            let (first, second) = (first.as_chunks_mut::<2>().0, second.as_chunks_mut::<2>().0);
            for ((first, second), &x) in first.iter_mut().zip(second).zip(x) {
                let pair = twice(x * gain);
                *first = pair;
                *second = pair;
            }
        }
    }
}

/// A number beside itself. Made as one integer of twice the size: the compiler then stores whole vectors, where two numbers would be
/// stored one by one.
#[inline(always)]
fn twice(x: f32) -> [f32; 2] {
    let bits = u64::from(x.to_bits());
    // SAFETY: both types are eight bytes in which every pattern is valid, and both halves are the same in any byte order.
    unsafe { std::mem::transmute::<u64, [f32; 2]>(bits | bits << 32) }
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
                down_chunk(out, &x[range.start * pair..range.end * pair], width, gain);
            });
        })
    }
}

vectorized! {
    fn down_chunk(out: &mut [f32], x: &[f32], width: usize, gain: f32) {
        match width {
            8 => down_rows(out, x, 8, gain),
            16 => down_rows(out, x, 16, gain),
            32 => down_rows(out, x, 32, gain),
            _ => down_rows(out, x, width, gain),
        }
    }
}

#[inline(always)]
fn down_rows(out: &mut [f32], x: &[f32], width: usize, gain: f32) {
    for (x, out) in x.chunks_exact(2 * width).zip(out.chunks_exact_mut(width / 2)) {
        let (first, second) = x.split_at(width);
        let (first, second) = (first.as_chunks::<2>().0, second.as_chunks::<2>().0);
        for ((out, a), b) in out.iter_mut().zip(first).zip(second) {
            *out = ((a[0] + a[1]) + (b[0] + b[1])) * gain;
        }
    }
}
