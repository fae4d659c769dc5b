//! The input's gradient: for every phase of the stride, a convolution of g with the taps that reach it.

use super::super::super::geometry::Geometry;
use super::padded::Layout;
use super::{HELD, POSITIONS};
use crate::kernel::{TileProduct, build_f32, for_each_task, with_scratch};

/// Input channels that are computed before they are written out.
const BLOCK: usize = 16;

/// Inputs `start, start + stride, ...` of one axis, and the taps that they meet: input `start + q * stride` is the sum over the taps (k, shift) of
/// tap k times output `q + shift`.
struct Phase {
    start: usize,
    count: usize,
    taps: Vec<(usize, isize)>,
}

fn phases(geo: &Geometry, size: usize) -> Vec<Phase> {
    (0..geo.stride.min(size))
        .map(|start| {
            // output o meets input o * stride + k - padding
            let offset = start + geo.padding + geo.stride * geo.kernel;
            let taps = (0..geo.kernel).filter(|k| (offset - k).is_multiple_of(geo.stride));
            let shift = |k: usize| (start + geo.padding) as isize - k as isize;
            Phase {
                start,
                count: (size - start).div_ceil(geo.stride),
                taps: taps.map(|k| (k, shift(k) / geo.stride as isize)).collect(),
            }
        })
        .collect()
}

/// The least and the greatest shift of all phases.
fn reach(phases: &[Phase]) -> (isize, isize) {
    let shifts = || phases.iter().flat_map(|phase| phase.taps.iter().map(|tap| tap.1));
    (shifts().min().unwrap_or(0), shifts().max().unwrap_or(0))
}

/// gx of `conv2d_input_vjp`.
pub(in super::super) fn input_vjp(g: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, plane) = (geo.in_channels, geo.out_channels, geo.in_plane());
    let (rows, columns) = (phases(geo, geo.in_h), phases(geo, geo.in_w));
    let ((first_y, last_y), (first_x, last_x)) = (reach(&rows), reach(&columns));
    let span = (last_y - first_y).max(last_x - first_x) as usize + 1;
    // a band is `band` rows of every phase
    let (down, across) = (geo.in_h.div_ceil(geo.stride), geo.in_w.div_ceil(geo.stride));
    let band = (POSITIONS / across).clamp(1, down);
    let bands = down.div_ceil(band);
    let layout = Layout::new(band, across, span, 1);
    let held = (HELD / layout.plane).clamp(1, co);
    let packed = Packed::new(w, geo, &rows, &columns);
    let width = layout.columns(band);
    let lines: Vec<usize> = (0..BLOCK).collect();
    // SAFETY: the tasks cover every row of every phase and image, and each writes all channels and columns of its rows.
    unsafe {
        build_f32(geo.batch * ci * plane, |gx| {
            for_each_task(geo.batch * bands, |task| {
                let (image, top) = (task / bands, task % bands * band);
                let all = geo.stride * geo.stride;
                let blocked = held < co;
                let kept = if blocked { ci.next_multiple_of(BLOCK) } else { BLOCK };
                with_scratch(layout.floats(held) + all * kept * width, |scratch| {
                    let (copies, sums) = scratch.split_at_mut(layout.floats(held));
                    for from in (0..co).step_by(held) {
                        let to = (from + held).min(co);
                        let origin = (top as isize + first_y, first_x);
                        pulp::Arch::new().dispatch(
                            #[inline(always)]
                            || {
                                for channel in from..to {
                                    let map = &g[(image * co + channel) * geo.out_plane()..];
                                    let out = &mut copies[(channel - from) * layout.plane..];
                                    layout.copy(map, (geo.out_h, geo.out_w), origin, out);
                                }
                            },
                        );
                        for channel in (0..ci).step_by(BLOCK) {
                            let channels = BLOCK.min(ci - channel);
                            let at = if blocked { channel * all * width } else { 0 };
                            let sums = &mut sums[at..][..BLOCK * all * width];
                            for (index, part) in packed.parts.iter().enumerate() {
                                let sums = &mut sums[index * BLOCK * width..][..BLOCK * width];
                                let (py, px) = (index / columns.len(), index % columns.len());
                                let count = band.min(rows[py].count.saturating_sub(top));
                                if part.taps == 0 {
                                    sums.fill(0.0);
                                } else if count > 0 {
                                    let depth = co * part.taps;
                                    let inner: Vec<usize> = taps(&rows[py], &columns[px])
                                        .map(|((_, y), (_, x))| {
                                            layout
                                                .tap((y - first_y) as usize, (x - first_x) as usize)
                                        })
                                        .collect();
                                    let offsets: Vec<usize> =
                                        lines.iter().map(|line| line * depth).collect();
                                    let outer: Vec<usize> =
                                        (from..to).map(|o| o * part.taps).collect();
                                    TileProduct {
                                        a: packed.values[part.start + channel * depth..].as_ptr(),
                                        rows: &offsets[..channels],
                                        a_outer: &outer,
                                        a_inner: 1,
                                        b: copies.as_ptr(),
                                        b_outer: layout.plane,
                                        b_inner: &inner,
                                        c: sums.as_mut_ptr(),
                                        c_row: width,
                                        columns: layout.columns(count),
                                        scale,
                                        accumulate: from > 0,
                                    }
                                    .run();
                                }
                            }
                            if to < co {
                                continue;
                            }
                            for channel in channel..channel + channels {
                                let base = (image * ci + channel) * plane;
                                for (py, phase) in rows.iter().enumerate() {
                                    for row in 0..band.min(phase.count.saturating_sub(top)) {
                                        let y = phase.start + (top + row) * geo.stride;
                                        let line = gx.slice_mut(base + y * geo.in_w, geo.in_w);
                                        for (px, phase) in columns.iter().enumerate() {
                                            let index =
                                                (py * columns.len() + px) * BLOCK + channel % BLOCK;
                                            let at = index * width + row * layout.pitch;
                                            let values = &sums[at..][..phase.count];
                                            let line =
                                                line[phase.start..].iter_mut().step_by(geo.stride);
                                            for (target, value) in line.zip(values) {
                                                *target = *value;
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                });
            });
        })
    }
}

/// The taps of a phase of both axes.
fn taps<'a>(
    rows: &'a Phase,
    columns: &'a Phase,
) -> impl Iterator<Item = ((usize, isize), (usize, isize))> + 'a {
    rows.taps.iter().flat_map(|y| columns.taps.iter().map(|x| (*y, *x)))
}

/// One phase's kernel within [`Packed`]: [ci][co][taps].
struct Part {
    start: usize,
    taps: usize,
}

/// The weights ordered as the products read them, phase by phase.
struct Packed {
    values: Vec<f32>,
    parts: Vec<Part>,
}

impl Packed {
    fn new(w: &[f32], geo: &Geometry, rows: &[Phase], columns: &[Phase]) -> Self {
        let (ci, co) = (geo.in_channels, geo.out_channels);
        let pairs = || rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x)));
        let mut parts = Vec::new();
        let mut start = 0;
        for (y, x) in pairs() {
            let taps = y.taps.len() * x.taps.len();
            parts.push(Part { start, taps });
            start += ci * co * taps;
        }
        // SAFETY: the tasks cover all input channels, and each writes all parts of its own.
        let values = unsafe {
            build_f32(start, |values| {
                for_each_task(ci, |channel| {
                    for (part, (y, x)) in parts.iter().zip(pairs()) {
                        let len = co * part.taps;
                        let target = values.slice_mut(part.start + channel * len, len);
                        let kernels: Vec<usize> =
                            taps(y, x).map(|((ky, _), (kx, _))| ky * geo.kernel + kx).collect();
                        if kernels.is_empty() {
                            continue;
                        }
                        for (o, target) in target.chunks_exact_mut(part.taps).enumerate() {
                            let kernel = &w[(o * ci + channel) * geo.taps()..][..geo.taps()];
                            for (value, at) in target.iter_mut().zip(&kernels) {
                                *value = kernel[*at];
                            }
                        }
                    }
                });
            })
        };
        Self { values, parts }
    }
}
