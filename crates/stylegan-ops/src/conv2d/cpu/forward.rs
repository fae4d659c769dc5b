//! The forward pass: y[n] = W [Co, Ci K K] times patches [Ci K K, Ho Wo].

use super::super::geometry::Geometry;
use super::patches::{Patches, gather};
use super::{FEW_COLUMNS, direct, winograd};
use crate::kernel::{Mat, MatMut, build_f32, for_each_task, gemm, with_scratch};

/// Columns of one task's product.
const COLUMNS: usize = 1024;

pub(super) fn run(x: &[f32], w: &[f32], geo: &Geometry, scale: f32, direct: bool) -> Vec<f32> {
    if !direct && winograd::pays(geo) {
        winograd::forward(x, w, geo, scale)
    } else if geo.out_plane() < FEW_COLUMNS && geo.batch > 1 {
        merged(x, w, geo, scale)
    } else if geo.kernel == 1 && geo.stride == 1 && geo.padding == 0 {
        pointwise(x, w, geo, scale)
    } else {
        direct::forward(x, w, geo, scale)
    }
}

/// 1x1 kernels: the image is its own patch matrix.
fn pointwise(x: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, plane) = (geo.in_channels, geo.out_channels, geo.out_plane());
    let columns = COLUMNS.min(plane);
    let per_image = plane.div_ceil(columns);
    // SAFETY: the tasks cover every column of every image, and the product writes all rows.
    unsafe {
        build_f32(geo.batch * co * plane, |y| {
            for_each_task(geo.batch * per_image, |task| {
                let (image, first) = (task / per_image, task % per_image * columns);
                let width = columns.min(plane - first);
                let source = Mat::rows(&x[image * ci * plane + first..], plane);
                let target = MatMut { pointer: y.as_ptr(image * co * plane + first), row: plane };
                gemm((co, width, ci), Mat::rows(w, ci), source, target, scale, false);
            });
        })
    }
}

/// Small maps: the positions of the whole batch are the columns of one product, whose rows are shared out.
fn merged(x: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, plane, taps) = (geo.in_channels, geo.out_channels, geo.out_plane(), geo.taps());
    let images = (COLUMNS / plane).clamp(1, geo.batch);
    let groups = geo.batch.div_ceil(images);
    let width = images * plane;
    // few groups: share out the output channels too
    let out_block = co.div_ceil((8usize.div_ceil(groups)).max(1)).next_multiple_of(16);
    let out_blocks = co.div_ceil(out_block);
    let in_block = 8;
    // SAFETY: the first loop writes every patch, the second every output.
    let patches = unsafe {
        build_f32(groups * ci * taps * width, |patches| {
            for_each_task(groups * ci.div_ceil(in_block), |task| {
                let (group, first) =
                    (task / ci.div_ceil(in_block), task % ci.div_ceil(in_block) * in_block);
                let end = (first + in_block).min(ci);
                let part = patches
                    .slice_mut((group * ci + first) * taps * width, (end - first) * taps * width);
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for slot in 0..images {
                            let at = Patches { row: width, column: slot * plane };
                            let image = group * images + slot;
                            if image < geo.batch {
                                let source =
                                    &x[image * ci * geo.in_plane()..][..ci * geo.in_plane()];
                                gather(geo, source, first..end, 0..geo.out_h, part, at);
                            } else {
                                for row in part.chunks_exact_mut(width) {
                                    row[at.column..][..plane].fill(0.0);
                                }
                            }
                        }
                    },
                );
            });
        })
    };
    // SAFETY: as above.
    unsafe {
        build_f32(geo.batch * co * plane, |y| {
            for_each_task(groups * out_blocks, |task| {
                let (group, first) = (task / out_blocks, task % out_blocks * out_block);
                let height = out_block.min(co - first);
                with_scratch(height * width, |product| {
                    gemm(
                        (height, width, ci * taps),
                        Mat::rows(&w[first * ci * taps..], ci * taps),
                        Mat::rows(&patches[group * ci * taps * width..], width),
                        MatMut { pointer: product.as_mut_ptr(), row: width },
                        scale,
                        false,
                    );
                    for slot in 0..images.min(geo.batch - group * images) {
                        let image = group * images + slot;
                        let target = y.slice_mut((image * co + first) * plane, height * plane);
                        for (target, source) in
                            target.chunks_exact_mut(plane).zip(product.chunks_exact(width))
                        {
                            target.copy_from_slice(&source[slot * plane..][..plane]);
                        }
                    }
                });
            });
        })
    }
}
