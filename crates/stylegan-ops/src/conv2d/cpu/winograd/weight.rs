//! The weight's gradient: 36 products over the tiles, then back to nine taps.

use pulp::{Simd, WithSimd};

use super::super::super::geometry::Geometry;
use super::forward::Input;
use super::tiles::{Run, Tiling};
use super::{POINTS, TILES, transform};
use crate::kernel::{LANES, SharedMut, TileProduct, build_f32, for_each_task, with_scratch};

/// Floats of transformed maps that are held at a time if channels are few, and the least number of blocks of tiles.
const HELD: usize = 1 << 20;
const LEAST_BLOCKS: usize = 3;

/// gw of `conv2d_weight_vjp`.
///
/// The tiles are taken in groups of blocks: first the group's maps are transformed, then every point's product is added to its sum. A point's sum belongs to
/// one task, which adds the groups in their order.
pub(in super::super) fn weight_vjp(x: &[f32], g: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, tiling) = (geo.in_channels, geo.out_channels, Tiling::new(geo));
    let padded = co.next_multiple_of(LANES);
    let blocks = (HELD / (POINTS * (ci + padded) * TILES)).max(LEAST_BLOCKS).min(tiling.blocks());
    let width = blocks * TILES;
    // one lane more than needed, so that the points do not fall into the same cache sets
    let (x_point, g_point) = (ci * width + LANES, width * padded + LANES);
    let (x_groups, g_groups) = (ci.div_ceil(LANES), padded / LANES);
    let size = POINTS * ci * padded;
    with_scratch(size + POINTS * (x_point + g_point), |scratch| {
        let (sums, scratch) = scratch.split_at_mut(size);
        let (x_points, g_points) = scratch.split_at_mut(POINTS * x_point);
        let sums = SharedMut::new(sums);
        let (x_points, g_points) = (SharedMut::new(x_points), SharedMut::new(g_points));
        let offsets: Vec<usize> = (0..ci).map(|channel| channel * width).collect();
        let lines: Vec<usize> = (0..width).map(|tile| tile * padded).collect();
        for first in (0..tiling.blocks()).step_by(blocks) {
            let held = blocks.min(tiling.blocks() - first);
            for_each_task(held * (x_groups + g_groups), |task| {
                let (slot, group) = (task / (x_groups + g_groups), task % (x_groups + g_groups));
                let runs = tiling.runs(first + slot);
                let arch = pulp::Arch::new();
                if group < x_groups {
                    let from = group * LANES;
                    arch.dispatch(Input {
                        x,
                        tiling: &tiling,
                        runs: &runs,
                        all: ci,
                        channels: from..(from + LANES).min(ci),
                        v: x_points,
                        start: from * width + slot * TILES,
                        row: width,
                        point: x_point,
                    });
                } else {
                    let from = (group - x_groups) * LANES;
                    arch.dispatch(Cotangent {
                        g,
                        tiling: &tiling,
                        runs: &runs,
                        all: co,
                        channels: from..(from + LANES).min(co),
                        points: g_points,
                        start: slot * TILES * padded + from,
                        row: padded,
                        point: g_point,
                    });
                }
            });
            for_each_task(POINTS, |point| {
                let product = TileProduct {
                    a: x_points.as_ptr(point * x_point),
                    rows: &offsets,
                    a_outer: &[0],
                    a_inner: 1,
                    b: g_points.as_ptr(point * g_point),
                    b_outer: 0,
                    b_inner: &lines[..held * TILES],
                    c: sums.as_ptr(point * ci * padded),
                    c_row: padded,
                    columns: padded,
                    scale: 1.0,
                    accumulate: first > 0,
                };
                // SAFETY: the transforms above are done and wrote all tiles held; the sum belongs to this task.
                unsafe { product.run() };
            });
        }
        // SAFETY: the tasks cover all output channels, and each writes all taps of its own.
        unsafe {
            build_f32(co * ci * 9, |w| {
                for_each_task(g_groups, |group| {
                    let first = group * LANES;
                    let count = LANES.min(co - first);
                    let target = w.slice_mut(first * ci * 9, count * ci * 9);
                    let sums = sums.slice_mut(0, size);
                    pulp::Arch::new().dispatch(Taps {
                        sums,
                        ci,
                        padded,
                        first,
                        count,
                        scale,
                        target,
                    });
                });
            })
        }
    })
}

/// A dY A^T of up to [`LANES`] output channels of a block of tiles, the channels side by side: [36][TILES][row].
struct Cotangent<'a> {
    g: &'a [f32],
    tiling: &'a Tiling,
    runs: &'a [Run],
    all: usize,
    channels: std::ops::Range<usize>,
    points: SharedMut<'a>,
    start: usize,
    row: usize,
    point: usize,
}

impl WithSimd for Cotangent<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { g, tiling, runs, all, channels, points, start, row, point } = self;
        let plane = tiling.plane();
        // tiles beyond the last one, and channels too, stay zero
        let mut pixels = [[[0.0f32; LANES]; 16]; TILES];
        for (lane, channel) in channels.enumerate() {
            for run in runs {
                let map = &g[(run.image * all + channel) * plane..][..plane];
                run.spread(tiling, map, lane, &mut pixels);
            }
        }
        let end = start + (POINTS - 1) * point + (TILES - 1) * row + LANES;
        assert!(end <= points.len(), "{end} of {} points", points.len());
        for (tile, pixels) in pixels.iter().enumerate() {
            for lanes in (0..LANES).step_by(S::F32_LANES) {
                transform::both_axes(
                    simd,
                    #[inline(always)]
                    |simd, values| transform::cotangent(simd, values),
                    #[inline(always)]
                    |y, x| transform::load(simd, &pixels[y * 4 + x], lanes),
                    #[inline(always)]
                    |y, x, value| {
                        let at = start + (y * 6 + x) * point + tile * row + lanes;
                        // SAFETY: in bounds by the assertion above, and these tiles of these channels are this task's.
                        unsafe { points.as_ptr(at).cast::<S::f32s>().write_unaligned(value) };
                    },
                );
            }
        }
    }
}

/// G^T u G of some output channels, from [36][ci][padded] to [count, ci, 3, 3].
struct Taps<'a> {
    sums: &'a [f32],
    ci: usize,
    padded: usize,
    first: usize,
    count: usize,
    scale: f32,
    target: &'a mut [f32],
}

impl WithSimd for Taps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums, ci, padded, first, count, scale, target } = self;
        let factor = simd.splat_f32s(scale);
        for channel in 0..ci {
            let mut taps = [[0.0f32; LANES]; 9];
            for lanes in (0..LANES).step_by(S::F32_LANES) {
                transform::both_axes(
                    simd,
                    #[inline(always)]
                    |simd, values| transform::weight_adjoint(simd, values),
                    #[inline(always)]
                    |y, x| {
                        let at = ((y * 6 + x) * ci + channel) * padded + first;
                        transform::load(simd, &sums[at..], lanes)
                    },
                    #[inline(always)]
                    |y, x, value| {
                        let value = simd.mul_f32s(factor, value);
                        transform::store(simd, &mut taps[y * 3 + x], lanes, value);
                    },
                );
            }
            for lane in 0..count {
                let kernel = &mut target[(lane * ci + channel) * 9..][..9];
                for (value, tap) in kernel.iter_mut().zip(&taps) {
                    *value = tap[lane];
                }
            }
        }
    }
}
