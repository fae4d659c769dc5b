//! Between an image and its patches: `gather` lays what the taps read out as the rows of a matrix (im2col), `scatter` is its adjoint
//! (col2im).

use std::ops::Range;

use super::super::geometry::Geometry;

/// Rows of a patch matrix: one row for every (channel, ky, kx), one column for every output position.
#[derive(Clone, Copy)]
pub(super) struct Patches {
    /// Distance between rows, in elements.
    pub row: usize,
    /// The column of the first position.
    pub column: usize,
}

/// Fills the patch rows of channels `channels` of one image with what the output rows `rows` read.
///
/// `image` is [Ci, H, W]; `out` holds `channels.len() * K * K` rows, which start at `at.column` and are `at.row` apart.
#[inline(always)]
pub(super) fn gather(
    geo: &Geometry,
    image: &[f32],
    channels: Range<usize>,
    rows: Range<usize>,
    out: &mut [f32],
    at: Patches,
) {
    let (kernel, plane, len) = (geo.kernel, geo.in_plane(), rows.len() * geo.out_w);
    let mut index = 0;
    for channel in channels {
        let source = &image[channel * plane..][..plane];
        for ky in 0..kernel {
            for kx in 0..kernel {
                let target = &mut out[index * at.row + at.column..][..len];
                if geo.stride == 1 && geo.out_w == geo.in_w {
                    shift_same(geo, source, ky, kx, rows.clone(), target);
                } else {
                    gather_rows(geo, source, ky, kx, rows.clone(), target);
                }
                index += 1;
            }
        }
    }
}

/// One tap of a stride-1 convolution that keeps the width: a single shifted copy, whose edge columns are cleared afterwards.
#[inline(always)]
fn shift_same(
    geo: &Geometry,
    source: &[f32],
    ky: usize,
    kx: usize,
    rows: Range<usize>,
    target: &mut [f32],
) {
    let width = geo.out_w;
    let valid_rows = geo.valid(ky, geo.in_h, geo.out_h);
    let valid = geo.valid(kx, geo.in_w, width);
    let first = valid_rows.start.clamp(rows.start, rows.end);
    let end = valid_rows.end.clamp(first, rows.end);
    target[..(first - rows.start) * width].fill(0.0);
    target[(end - rows.start) * width..].fill(0.0);
    let middle = &mut target[(first - rows.start) * width..(end - rows.start) * width];
    if middle.is_empty() || valid.is_empty() {
        middle.fill(0.0);
        return;
    }
    // element j of the middle reads the source at j + shift, and what falls outside is an edge column
    let shift = ((first + ky) as isize - geo.padding as isize) * width as isize + kx as isize
        - geo.padding as isize;
    let from = (-shift).clamp(0, middle.len() as isize) as usize;
    let to = (source.len() as isize - shift).clamp(from as isize, middle.len() as isize) as usize;
    middle[..from].fill(0.0);
    middle[to..].fill(0.0);
    if from < to {
        let start = (from as isize + shift) as usize;
        middle[from..to].copy_from_slice(&source[start..start + (to - from)]);
    }
    if valid.start > 0 {
        for row in middle.chunks_exact_mut(width) {
            row[..valid.start].fill(0.0);
        }
    }
    if valid.end < width {
        for row in middle.chunks_exact_mut(width) {
            row[valid.end..].fill(0.0);
        }
    }
}

/// One tap in general, row by row.
#[inline(always)]
fn gather_rows(
    geo: &Geometry,
    source: &[f32],
    ky: usize,
    kx: usize,
    rows: Range<usize>,
    target: &mut [f32],
) {
    let valid_rows = geo.valid(ky, geo.in_h, geo.out_h);
    let valid = geo.valid(kx, geo.in_w, geo.out_w);
    for (row, target) in rows.zip(target.chunks_exact_mut(geo.out_w)) {
        if !valid_rows.contains(&row) || valid.is_empty() {
            target.fill(0.0);
            continue;
        }
        let line = &source[(row * geo.stride + ky - geo.padding) * geo.in_w..][..geo.in_w];
        let line = &line[valid.start * geo.stride + kx - geo.padding..];
        target[..valid.start].fill(0.0);
        target[valid.end..].fill(0.0);
        let middle = &mut target[valid.clone()];
        match geo.stride {
            1 => middle.copy_from_slice(&line[..middle.len()]),
            2 => {
                let last = middle.len() - 1;
                for (value, pair) in middle.iter_mut().zip(line.chunks_exact(2)) {
                    *value = pair[0];
                }
                middle[last] = line[last * 2];
            }
            stride => {
                for (value, read) in middle.iter_mut().zip(line.iter().step_by(stride)) {
                    *value = *read;
                }
            }
        }
    }
}

/// Writes channel plane [H, W] as the sum of its patch rows: the adjoint of [`gather`] over all output rows of one image.
///
/// `patches` starts at the row of (channel, 0, 0); `line` is scratch of at least `out_w + K` elements per phase.
#[inline(always)]
pub(super) fn scatter(
    geo: &Geometry,
    patches: &[f32],
    at: Patches,
    plane: &mut [f32],
    line: &mut [f32],
) {
    match geo.stride {
        1 => scatter_unit(geo, patches, at, plane),
        _ => scatter_strided(geo, patches, at, plane, line),
    }
}

#[inline(always)]
fn scatter_unit(geo: &Geometry, patches: &[f32], at: Patches, plane: &mut [f32]) {
    for (iy, target) in plane.chunks_exact_mut(geo.in_w).enumerate() {
        target.fill(0.0);
        for ky in 0..geo.kernel {
            let Some(oy) = (iy + geo.padding).checked_sub(ky).filter(|&oy| oy < geo.out_h) else {
                continue;
            };
            for kx in 0..geo.kernel {
                let valid = geo.valid(kx, geo.in_w, geo.out_w);
                if valid.is_empty() {
                    continue;
                }
                let row = (ky * geo.kernel + kx) * at.row + at.column + oy * geo.out_w;
                let source = &patches[row + valid.start..row + valid.end];
                let target = &mut target[valid.start + kx - geo.padding..][..source.len()];
                for (sum, value) in target.iter_mut().zip(source) {
                    *sum += value;
                }
            }
        }
    }
}

/// Every input column belongs to one phase, `(column + padding) % stride`; a phase is summed as a contiguous line, then interleaved.
#[inline(always)]
fn scatter_strided(
    geo: &Geometry,
    patches: &[f32],
    at: Patches,
    plane: &mut [f32],
    line: &mut [f32],
) {
    let (stride, kernel) = (geo.stride, geo.kernel);
    let columns = (geo.in_w + geo.padding).div_ceil(stride).max(geo.out_w + kernel);
    let line = &mut line[..columns];
    for (iy, target) in plane.chunks_exact_mut(geo.in_w).enumerate() {
        for phase in 0..stride {
            // line[q] is the padded input column q * stride + phase
            line.fill(0.0);
            for ky in 0..kernel {
                let Some(above) = (iy + geo.padding).checked_sub(ky) else { continue };
                if above % stride != 0 || above / stride >= geo.out_h {
                    continue;
                }
                for kx in (phase..kernel).step_by(stride) {
                    let row = (ky * kernel + kx) * at.row + at.column + above / stride * geo.out_w;
                    let source = &patches[row..row + geo.out_w];
                    let target = &mut line[(kx - phase) / stride..][..geo.out_w];
                    for (sum, value) in target.iter_mut().zip(source) {
                        *sum += value;
                    }
                }
            }
            let first = geo.padding.saturating_sub(phase).div_ceil(stride);
            let start = first * stride + phase - geo.padding;
            if start < geo.in_w {
                let values = &line[first..];
                for (target, value) in target[start..].iter_mut().step_by(stride).zip(values) {
                    *target = *value;
                }
            }
        }
    }
}

/// The scratch that [`scatter`] needs.
pub(super) fn scatter_line(geo: &Geometry) -> usize {
    (geo.in_w + geo.padding).div_ceil(geo.stride).max(geo.out_w + geo.kernel)
}
