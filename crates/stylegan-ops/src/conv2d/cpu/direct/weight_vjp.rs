//! The weight's gradient: a product over positions of the padded input's taps and g, turned so that its channels lie side by side.

use super::super::super::geometry::Geometry;
use super::padded::Layout;
use super::{HELD, POSITIONS};
use crate::kernel::{LANES, TileProduct, build_f32, for_each_task, with_scratch};

/// Tasks to share out, at least, where sizes allow.
const TASKS: usize = 16;

/// gw of `conv2d_weight_vjp`.
pub(in super::super) fn weight_vjp(x: &[f32], g: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, taps) = (geo.in_channels, geo.out_channels, geo.taps());
    let padded = co.next_multiple_of(LANES);
    let band = (POSITIONS / geo.out_w).clamp(1, geo.out_h);
    let bands = geo.out_h.div_ceil(band);
    let units = geo.batch * bands;
    let layout = Layout::new(band, geo.out_w, geo.kernel, geo.stride);
    let block = (HELD / layout.plane).clamp(1, 32).min(ci);
    let blocks = ci.div_ceil(block);
    // where blocks of channels are few, the units are cut into parts with sums of their own
    let per_part = units.div_ceil(TASKS.div_ceil(blocks).min(units));
    let parts = units.div_ceil(per_part);
    let size = ci * taps * padded;
    let offsets: Vec<usize> = (0..block)
        .flat_map(|channel| {
            (0..taps)
                .map(move |t| channel * layout.plane + layout.tap(t / geo.kernel, t % geo.kernel))
        })
        .collect();
    let lines: Vec<usize> = (0..geo.out_w).map(|column| column * padded).collect();
    let outer: Vec<usize> = (0..band).map(|row| row * layout.pitch).collect();
    // SAFETY: each task's first product writes its rows of its part, and together they cover all.
    let sums = unsafe {
        build_f32(parts * size, |sums| {
            for_each_task(parts * blocks, |task| {
                let (part, from) = (task / blocks, task % blocks * block);
                let to = (from + block).min(ci);
                let turned = band * geo.out_w * padded;
                with_scratch(layout.floats(block) + turned, |scratch| {
                    let (copies, turned) = scratch.split_at_mut(layout.floats(block));
                    let first = part * per_part;
                    for unit in first..(first + per_part).min(units) {
                        let (image, top) = (unit / bands, unit % bands * band);
                        let count = band.min(geo.out_h - top);
                        let origin = (
                            (top * geo.stride) as isize - geo.padding as isize,
                            -(geo.padding as isize),
                        );
                        pulp::Arch::new().dispatch(
                            #[inline(always)]
                            || {
                                for channel in from..to {
                                    let map = &x[(image * ci + channel) * geo.in_plane()..];
                                    let out = &mut copies[(channel - from) * layout.plane..];
                                    layout.copy(map, (geo.in_h, geo.in_w), origin, out);
                                }
                                let start = image * co * geo.out_plane() + top * geo.out_w;
                                turn(
                                    &g[start..],
                                    geo.out_plane(),
                                    (co, count * geo.out_w),
                                    turned,
                                    padded,
                                );
                            },
                        );
                        TileProduct {
                            a: copies.as_ptr(),
                            rows: &offsets[..(to - from) * taps],
                            a_outer: &outer[..count],
                            a_inner: 1,
                            b: turned.as_ptr(),
                            b_outer: geo.out_w * padded,
                            b_inner: &lines,
                            c: sums.as_ptr(part * size + from * taps * padded),
                            c_row: padded,
                            columns: padded,
                            scale,
                            accumulate: unit > first,
                        }
                        .run();
                    }
                });
            });
        })
    };
    reduce(&sums, ci * taps, co, padded)
}

/// Writes the transpose of `count.0` rows of `count.1` numbers, in rows `out_row` apart, with zeros between the last number and the next row.
#[inline(always)]
fn turn(source: &[f32], row: usize, count: (usize, usize), out: &mut [f32], out_row: usize) {
    for first in (0..out_row).step_by(LANES) {
        for start in (0..count.1).step_by(LANES) {
            let columns = LANES.min(count.1 - start);
            let mut square = [[0.0f32; LANES]; LANES];
            for lane in 0..LANES.min(count.0.saturating_sub(first)) {
                let line = &source[(first + lane) * row + start..][..columns];
                for (values, value) in square.iter_mut().zip(line) {
                    values[lane] = *value;
                }
            }
            for (column, values) in square.iter().take(columns).enumerate() {
                out[(start + column) * out_row + first..][..LANES].copy_from_slice(values);
            }
        }
    }
}

/// The sum of the parts in their order, turned from [ci * taps][padded] to [co][ci * taps].
fn reduce(sums: &[f32], rows: usize, co: usize, padded: usize) -> Vec<f32> {
    // SAFETY: the tasks cover all output channels, and each writes all numbers of its own.
    unsafe {
        build_f32(co * rows, |w| {
            for_each_task(padded / LANES, |task| {
                let first = task * LANES;
                let channels = LANES.min(co - first);
                let target = w.slice_mut(first * rows, channels * rows);
                for start in (0..rows).step_by(LANES) {
                    let count = LANES.min(rows - start);
                    let mut square = [[0.0f32; LANES]; LANES];
                    for part in sums.chunks_exact(rows * padded) {
                        for (row, values) in square.iter_mut().take(count).enumerate() {
                            let line = &part[(start + row) * padded + first..][..LANES];
                            for (sum, value) in values.iter_mut().zip(line) {
                                *sum += value;
                            }
                        }
                    }
                    for lane in 0..channels {
                        let line = &mut target[lane * rows + start..][..count];
                        for (value, values) in line.iter_mut().zip(&square) {
                            *value = values[lane];
                        }
                    }
                }
            });
        })
    }
}
