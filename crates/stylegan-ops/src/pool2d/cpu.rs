//! Float32 kernels for the CPU, plane by plane.

use super::Geometry;
use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

/// Every window's largest element or mean.
pub(super) fn forward(x: &[f32], geometry: &Geometry, largest: bool) -> Vec<f32> {
    let Geometry { in_h, in_w, out_h, out_w, .. } = *geometry;
    let (from, to) = (in_h * in_w, out_h * out_w);
    if x.is_empty() || to == 0 {
        return Vec::new();
    }
    let planes = x.len() / from;
    // SAFETY: the chunks cover every plane, and each writes its own.
    unsafe {
        build_f32(planes * to, |y| {
            for_each_chunk(planes, (GRAIN / from).max(1), |range| {
                let y = y.slice_mut(range.start * to, range.len() * to);
                forward_chunk(y, &x[range.start * from..range.end * from], geometry, largest);
            });
        })
    }
}

vectorized! {
    fn forward_chunk(y: &mut [f32], x: &[f32], geometry: &Geometry, largest: bool) {
        let Geometry { in_h, in_w, out_h, out_w, .. } = *geometry;
        let planes = x.chunks_exact(in_h * in_w).zip(y.chunks_exact_mut(out_h * out_w));
        for (x, y) in planes {
            for (index, out) in y.chunks_exact_mut(out_w).enumerate() {
                let rows = geometry.inputs(index, in_h);
                let lines = x[rows.start * in_w..rows.end * in_w].chunks_exact(in_w);
                if largest {
                    out.fill(f32::NEG_INFINITY);
                    for line in lines {
                        taps(out, line, geometry, f32::max);
                    }
                } else {
                    out.fill(0.0);
                    for line in lines {
                        taps(out, line, geometry, |a, b| a + b);
                    }
                    for (index, out) in out.iter_mut().enumerate() {
                        *out /= (rows.len() * geometry.inputs(index, in_w).len()) as f32;
                    }
                }
            }
        }
    }
}

/// Takes one line of the map into one line of outputs, tap by tap.
#[inline(always)]
fn taps(out: &mut [f32], line: &[f32], geometry: &Geometry, take: impl Fn(f32, f32) -> f32) {
    let window = geometry.window;
    for tap in 0..window.kernel {
        // output o reads input o * stride + tap - padding
        let first = window.padding.saturating_sub(tap).div_ceil(window.stride);
        let end = (line.len() + window.padding).saturating_sub(tap).div_ceil(window.stride);
        let end = end.min(out.len());
        if first >= end {
            continue;
        }
        let out = &mut out[first..end];
        let line = &line[first * window.stride + tap - window.padding..];
        match window.stride {
            1 => {
                for (out, x) in out.iter_mut().zip(line) {
                    *out = take(*out, *x);
                }
            }
            2 => {
                let last = out.len() - 1;
                for (out, pair) in out[..last].iter_mut().zip(line.as_chunks::<2>().0) {
                    *out = take(*out, pair[0]);
                }
                out[last] = take(out[last], line[last * 2]);
            }
            stride => {
                for (out, x) in out.iter_mut().zip(line.iter().step_by(stride)) {
                    *out = take(*out, *x);
                }
            }
        }
    }
}

/// The gradient with respect to x.
pub(super) fn backward(x: &[f32], g: &[f32], geometry: &Geometry, largest: bool) -> Vec<f32> {
    let Geometry { in_h, in_w, out_h, out_w, .. } = *geometry;
    let (from, to) = (in_h * in_w, out_h * out_w);
    if x.is_empty() {
        return Vec::new();
    }
    let planes = x.len() / from;
    // SAFETY: the chunks cover every plane, and each writes its own.
    unsafe {
        build_f32(planes * from, |gx| {
            for_each_chunk(planes, (GRAIN / from).max(1), |range| {
                for plane in range {
                    let gx = gx.slice_mut(plane * from, from);
                    let (x, g) = (&x[plane * from..][..from], &g[plane * to..][..to]);
                    gx.fill(0.0);
                    if largest {
                        backward_largest(gx, x, g, geometry);
                    } else {
                        backward_mean(gx, g, geometry);
                    }
                }
            });
        })
    }
}

fn backward_largest(gx: &mut [f32], x: &[f32], g: &[f32], geometry: &Geometry) {
    let Geometry { in_h, in_w, out_w, .. } = *geometry;
    for (row, g) in g.chunks_exact(out_w).enumerate() {
        let rows = geometry.inputs(row, in_h);
        for (column, g) in g.iter().enumerate() {
            let columns = geometry.inputs(column, in_w);
            let mut best = rows.start * in_w + columns.start;
            for row in rows.clone() {
                for at in row * in_w + columns.start..row * in_w + columns.end {
                    if x[at] > x[best] {
                        best = at;
                    }
                }
            }
            gx[best] += g;
        }
    }
}

fn backward_mean(gx: &mut [f32], g: &[f32], geometry: &Geometry) {
    let Geometry { in_h, in_w, out_w, .. } = *geometry;
    for (row, g) in g.chunks_exact(out_w).enumerate() {
        let rows = geometry.inputs(row, in_h);
        for (column, g) in g.iter().enumerate() {
            let columns = geometry.inputs(column, in_w);
            let share = g / (rows.len() * columns.len()) as f32;
            for row in rows.clone() {
                for gx in &mut gx[row * in_w + columns.start..row * in_w + columns.end] {
                    *gx += share;
                }
            }
        }
    }
}
