//! The forward pass, which is the input's gradient too.

use pulp::{Simd, WithSimd};

use super::super::super::geometry::Geometry;
use super::tiles::{Run, Tiling};
use super::{Lane, POINTS, TILES, transform};
use crate::kernel::{LANES, SharedMut, TileProduct, build_f32, for_each_task, with_scratch};

/// Output channels whose products stay in cache until they are transformed.
const BLOCK: usize = 32;

/// y of `conv2d`.
pub(in super::super) fn forward(x: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co) = (geo.in_channels, geo.out_channels);
    let weights = Weights { w, row: ci * 9, lane: 9, mirrored: false, rows: co, lanes: ci, scale };
    convolve(x, weights, &Tiling::new(geo), geo.batch)
}

/// gx of `conv2d_input_vjp`.
pub(in super::super) fn input_vjp(g: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co) = (geo.in_channels, geo.out_channels);
    let weights = Weights { w, row: 9, lane: ci * 9, mirrored: true, rows: ci, lanes: co, scale };
    convolve(g, weights, &Tiling::new(geo), geo.batch)
}

fn convolve(x: &[f32], weights: Weights<'_>, tiling: &Tiling, batch: usize) -> Vec<f32> {
    let (inputs, outputs, plane) = (weights.lanes, weights.rows, tiling.plane());
    let depth = inputs.next_multiple_of(LANES);
    // where tiles are few, blocks of output channels are shared out too, each transforming the input anew
    let parts = 16usize.div_ceil(tiling.blocks()).min(outputs.div_ceil(128)).max(1);
    let part = outputs.div_ceil(parts).next_multiple_of(8);
    let parts = outputs.div_ceil(part);
    // one lane more than needed, so that the points do not fall into the same cache sets
    let (v_point, m_point) = ((inputs + 1) * TILES, (BLOCK + 1) * TILES);
    let rows: Vec<usize> = (0..BLOCK).map(|row| row * depth).collect();
    let lines: Vec<usize> = (0..inputs).map(|channel| channel * TILES).collect();
    with_scratch(POINTS * outputs * depth, |transformed| {
        weights.transform(depth, transformed);
        let transformed = &*transformed;
        // SAFETY: the tasks cover all tiles of all output channels, and a tile's pixels cover it.
        unsafe {
            build_f32(batch * outputs * plane, |y| {
                for_each_task(tiling.blocks() * parts, |task| {
                    let (block, first) = (task / parts, task % parts * part);
                    let runs = tiling.runs(block);
                    let len = tiling.len(block);
                    with_scratch(POINTS * (v_point + m_point), |scratch| {
                        let (v, m) = scratch.split_at_mut(POINTS * v_point);
                        let arch = pulp::Arch::new();
                        arch.dispatch(Input {
                            x,
                            tiling,
                            runs: &runs,
                            all: inputs,
                            channels: 0..inputs,
                            v: SharedMut::new(v),
                            start: 0,
                            row: TILES,
                            point: v_point,
                        });
                        let end = (first + part).min(outputs);
                        for channel in (first..end).step_by(BLOCK) {
                            let channels = BLOCK.min(end - channel);
                            for point in 0..POINTS {
                                TileProduct {
                                    a: transformed[(point * outputs + channel) * depth..].as_ptr(),
                                    rows: &rows[..channels],
                                    a_outer: &[0],
                                    a_inner: 1,
                                    b: v[point * v_point..].as_ptr(),
                                    b_outer: 0,
                                    b_inner: &lines,
                                    c: m[point * m_point..].as_mut_ptr(),
                                    c_row: TILES,
                                    columns: len.next_multiple_of(LANES),
                                    scale: 1.0,
                                    accumulate: false,
                                }
                                .run();
                            }
                            arch.dispatch(Output {
                                m,
                                point: m_point,
                                tiling,
                                runs: &runs,
                                y,
                                outputs,
                                channel,
                                channels,
                            });
                        }
                    });
                });
            })
        }
    })
}

/// A kernel as it lies in memory: tap j of (row, lane) at `row * self.row + lane * self.lane + j`, or `8 - j` if mirrored.
#[derive(Clone, Copy)]
struct Weights<'a> {
    w: &'a [f32],
    row: usize,
    lane: usize,
    mirrored: bool,
    rows: usize,
    lanes: usize,
    scale: f32,
}

impl Weights<'_> {
    /// G g G^T of every kernel: [36, rows, depth], the lanes padded with zeros to `depth`.
    fn transform(self, depth: usize, u: &mut [f32]) {
        let u = SharedMut::new(u);
        for_each_task(self.rows.div_ceil(8), |task| {
            let rows = task * 8..(task * 8 + 8).min(self.rows);
            pulp::Arch::new().dispatch(TransformWeights { weights: self, rows, depth, u });
        });
    }
}

struct TransformWeights<'a> {
    weights: Weights<'a>,
    rows: std::ops::Range<usize>,
    depth: usize,
    u: SharedMut<'a>,
}

impl WithSimd for TransformWeights<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { weights, rows, depth, u } = self;
        let factor = simd.splat_f32s(weights.scale);
        for first in (0..depth).step_by(LANES) {
            for row in rows.clone() {
                let mut taps = [[0.0f32; LANES]; 9];
                for lane in 0..LANES.min(weights.lanes - first) {
                    let kernel =
                        &weights.w[row * weights.row + (first + lane) * weights.lane..][..9];
                    for (tap, values) in taps.iter_mut().enumerate() {
                        values[lane] = kernel[if weights.mirrored { 8 - tap } else { tap }];
                    }
                }
                for vector in 0..LANES / S::F32_LANES {
                    let lanes = vector * S::F32_LANES;
                    transform::both_axes(
                        simd,
                        #[inline(always)]
                        |simd, values| transform::weight(simd, values),
                        #[inline(always)]
                        |y, x| {
                            let taps = taps[y * 3 + x][lanes..][..S::F32_LANES].as_ptr();
                            // SAFETY: the slice holds one vector.
                            let taps = unsafe { taps.cast::<S::f32s>().read_unaligned() };
                            simd.mul_f32s(factor, taps)
                        },
                        #[inline(always)]
                        |y, x, value| {
                            let at = ((y * 6 + x) * weights.rows + row) * depth + first + lanes;
                            debug_assert!(at + S::F32_LANES <= u.len());
                            // SAFETY: this task owns the row, and `at` is one of its vectors.
                            unsafe { u.as_ptr(at).cast::<S::f32s>().write_unaligned(value) };
                        },
                    );
                }
            }
        }
    }
}

/// B^T d B of some channels of a block of tiles: [36][channels][TILES].
pub(super) struct Input<'a> {
    pub x: &'a [f32],
    pub tiling: &'a Tiling,
    pub runs: &'a [Run],
    /// Channels of the maps.
    pub all: usize,
    pub channels: std::ops::Range<usize>,
    /// Written at `start + point * self.point + channel * self.row + tile`.
    pub v: SharedMut<'a>,
    pub start: usize,
    pub row: usize,
    pub point: usize,
}

impl WithSimd for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, tiling, runs, all, channels, v, start, row, point } = self;
        let plane = tiling.plane();
        // tiles beyond the last one stay zero
        let mut lanes = [[0.0; TILES]; POINTS];
        let end = start + (POINTS - 1) * point + (channels.len() - 1) * row + TILES;
        assert!(end <= v.len(), "{end} of {} points", v.len());
        for (index, channel) in channels.enumerate() {
            for run in runs {
                let map = &x[(run.image * all + channel) * plane..][..plane];
                run.read_padded(tiling, map, &mut lanes);
            }
            for first in (0..TILES).step_by(S::F32_LANES) {
                transform::both_axes(
                    simd,
                    #[inline(always)]
                    |simd, values| transform::input(simd, values),
                    #[inline(always)]
                    |y, x| transform::load(simd, &lanes[y * 6 + x], first),
                    #[inline(always)]
                    |y, x, value| {
                        let at = start + (y * 6 + x) * point + index * row + first;
                        // SAFETY: in bounds by the assertion above, and these tiles of these channels are this task's.
                        unsafe { v.as_ptr(at).cast::<S::f32s>().write_unaligned(value) };
                    },
                );
            }
        }
    }
}

/// A^T m A of some output channels of a block of tiles, written into the maps.
struct Output<'a> {
    m: &'a [f32],
    /// Distance between points in `m`.
    point: usize,
    tiling: &'a Tiling,
    runs: &'a [Run],
    y: SharedMut<'a>,
    outputs: usize,
    channel: usize,
    channels: usize,
}

impl WithSimd for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { m, point, tiling, runs, y, outputs, channel, channels } = self;
        let plane = tiling.plane();
        let mut lanes: [Lane; 16] = [[0.0; TILES]; 16];
        assert!(m.len() >= (POINTS - 1) * point + channels * TILES);
        for index in 0..channels {
            for first in (0..TILES).step_by(S::F32_LANES) {
                transform::both_axes(
                    simd,
                    #[inline(always)]
                    |simd, values| transform::output(simd, values),
                    #[inline(always)]
                    |y, x| {
                        let at = (y * 6 + x) * point + index * TILES + first;
                        // SAFETY: in bounds by the assertion above.
                        unsafe { m.as_ptr().add(at).cast::<S::f32s>().read_unaligned() }
                    },
                    #[inline(always)]
                    |y, x, value| {
                        let lane = lanes[y * 4 + x][first..][..S::F32_LANES].as_mut_ptr();
                        // SAFETY: the slice holds one vector.
                        unsafe { lane.cast::<S::f32s>().write_unaligned(value) };
                    },
                );
            }
            for run in runs {
                let at = (run.image * outputs + channel + index) * plane;
                // SAFETY: tasks own different tiles or channels.
                unsafe { run.write(tiling, &lanes, y, at) };
            }
        }
    }
}
