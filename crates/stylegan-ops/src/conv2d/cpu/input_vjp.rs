//! The input's gradient: patches = W^T [Ci K K, Co] times g [Co, Ho Wo], then each patch is added where it was read.

use super::super::geometry::Geometry;
use super::patches::{Patches, scatter, scatter_line};
use super::{FEW_COLUMNS, PATCH_FLOATS, direct, winograd};
use crate::kernel::{Mat, MatMut, build_f32, for_each_task, gemm, with_scratch};

/// Columns of one task's product.
const COLUMNS: usize = 1024;

pub(super) fn run(g: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    if winograd::pays(geo) {
        winograd::input_vjp(g, w, geo, scale)
    } else if geo.out_plane() < FEW_COLUMNS && geo.batch > 1 {
        merged(g, w, geo, scale)
    } else if geo.kernel == 1 && geo.stride == 1 && geo.padding == 0 {
        pointwise(g, w, geo, scale)
    } else {
        direct::input_vjp(g, w, geo, scale)
    }
}

/// 1x1 kernels: nothing overlaps.
fn pointwise(g: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, plane) = (geo.in_channels, geo.out_channels, geo.out_plane());
    let columns = COLUMNS.min(plane);
    let per_image = plane.div_ceil(columns);
    // SAFETY: the tasks cover every column of every image, and the product writes all rows.
    unsafe {
        build_f32(geo.batch * ci * plane, |gx| {
            for_each_task(geo.batch * per_image, |task| {
                let (image, first) = (task / per_image, task % per_image * columns);
                let width = columns.min(plane - first);
                let source = Mat::rows(&g[image * co * plane + first..], plane);
                let target = MatMut { pointer: gx.as_ptr(image * ci * plane + first), row: plane };
                gemm((ci, width, co), Mat::transposed(w, ci), source, target, scale, false);
            });
        })
    }
}

/// Small maps: the positions of several images are the columns of one product.
fn merged(g: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, plane, taps) = (geo.in_channels, geo.out_channels, geo.out_plane(), geo.taps());
    let images = (COLUMNS / plane).clamp(1, geo.batch);
    let groups = geo.batch.div_ceil(images);
    let width = images * plane;
    let block = (PATCH_FLOATS / (width * taps)).clamp(1, ci.div_ceil(8)).next_multiple_of(4);
    let blocks = ci.div_ceil(block);
    // SAFETY: the first loop writes every element, the second every plane.
    let columns = unsafe {
        build_f32(groups * co * width, |columns| {
            for_each_task(groups, |group| {
                let part = columns.slice_mut(group * co * width, co * width);
                for (o, row) in part.chunks_exact_mut(width).enumerate() {
                    for (slot, target) in row.chunks_exact_mut(plane).enumerate() {
                        let image = group * images + slot;
                        if image < geo.batch {
                            target.copy_from_slice(&g[(image * co + o) * plane..][..plane]);
                        } else {
                            target.fill(0.0);
                        }
                    }
                }
            });
        })
    };
    // SAFETY: as above.
    unsafe {
        build_f32(geo.batch * ci * geo.in_plane(), |gx| {
            for_each_task(groups * blocks, |task| {
                let (group, first) = (task / blocks, task % blocks * block);
                let channels = block.min(ci - first);
                let source = Mat::rows(&columns[group * co * width..], width);
                product(geo, w, (first, channels), source, width, scale, |patches, line| {
                    for slot in 0..images.min(geo.batch - group * images) {
                        let image = group * images + slot;
                        let target = gx.slice_mut(
                            (image * ci + first) * geo.in_plane(),
                            channels * geo.in_plane(),
                        );
                        for (c, target) in target.chunks_exact_mut(geo.in_plane()).enumerate() {
                            let at = Patches { row: width, column: slot * plane };
                            scatter(geo, &patches[c * taps * width..], at, target, line);
                        }
                    }
                });
            });
        })
    }
}

/// The patches of input channels `first..first + channels` for `width` columns of `source` [Co, width], handed to `fold` with a scratch line.
#[inline(always)]
fn product(
    geo: &Geometry,
    w: &[f32],
    (first, channels): (usize, usize),
    source: Mat,
    width: usize,
    scale: f32,
    fold: impl FnOnce(&[f32], &mut [f32]),
) {
    let taps = geo.taps();
    let rows = channels * taps;
    with_scratch(rows * width + scatter_line(geo), |scratch| {
        let (patches, line) = scratch.split_at_mut(rows * width);
        // SAFETY: the weights of these channels lie in w, and source holds Co rows of `width`.
        unsafe {
            gemm(
                (rows, width, geo.out_channels),
                Mat::transposed(&w[first * taps..], geo.in_channels * taps),
                source,
                MatMut { pointer: patches.as_mut_ptr(), row: width },
                scale,
                false,
            );
        }
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || fold(patches, line),
        );
    });
}
