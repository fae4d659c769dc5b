//! The weight's gradient: the sum over images and positions of g [Co, P] times patches^T [P, Ci K K].

use super::super::geometry::Geometry;
use super::patches::{Patches, gather};
use super::{FEW_COLUMNS, PATCH_FLOATS, direct, winograd};
use crate::kernel::{Mat, MatMut, build_f32, for_each_chunk, for_each_task, gemm, with_scratch};

/// Positions summed by one product.
const COLUMNS: usize = 1024;

pub(super) fn run(x: &[f32], g: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    if winograd::pays(geo) {
        return winograd::weight_vjp(x, g, geo, scale);
    }
    if geo.taps() > 1 && geo.out_plane() >= FEW_COLUMNS {
        return direct::weight_vjp(x, g, geo, scale);
    }
    let (ci, co, plane, taps) = (geo.in_channels, geo.out_channels, geo.out_plane(), geo.taps());
    // a unit of work is a band of rows of one image, or several whole images if they are small
    let images = (COLUMNS / plane).clamp(1, geo.batch);
    let rows = if images > 1 { geo.out_h } else { (COLUMNS / geo.out_w).clamp(1, geo.out_h) };
    let bands = geo.out_h.div_ceil(rows);
    let units = geo.batch.div_ceil(images) * bands;
    let width = images * rows * geo.out_w;
    let block = (PATCH_FLOATS / (width * taps)).clamp(1, ci.div_ceil(8).max(8)).min(ci);
    let blocks = ci.div_ceil(block);
    // enough tasks to share out: where channel blocks are few, the units are cut into parts with a sum of their own
    let parts = 16usize.div_ceil(blocks).min(units);
    let per_part = units.div_ceil(parts);
    let parts = units.div_ceil(per_part);
    let size = co * ci * taps;
    // SAFETY: each task's first product writes its columns of its part, and together they cover all.
    let sums = unsafe {
        build_f32(parts * size, |sums| {
            for_each_task(parts * blocks, |task| {
                let (part, first) = (task / blocks, task % blocks * block);
                let end = (first + block).min(ci);
                let target =
                    MatMut { pointer: sums.as_ptr(part * size + first * taps), row: ci * taps };
                let pieces = (end - first) * taps;
                let merge = if images > 1 { co * width } else { 0 };
                with_scratch(pieces * width + merge, |scratch| {
                    let (patches, merged) = scratch.split_at_mut(pieces * width);
                    let first_unit = part * per_part;
                    for unit in first_unit..(first_unit + per_part).min(units) {
                        let (group, band) = (unit / bands, unit % bands);
                        let top = band * rows;
                        let rows = top..(top + rows).min(geo.out_h);
                        let held = images.min(geo.batch - group * images);
                        let used = rows.len() * geo.out_w * held;
                        pulp::Arch::new().dispatch(
                            #[inline(always)]
                            || {
                                for slot in 0..held {
                                    let image = group * images + slot;
                                    let source =
                                        &x[image * ci * geo.in_plane()..][..ci * geo.in_plane()];
                                    let at = Patches { row: used, column: slot * plane };
                                    gather(geo, source, first..end, rows.clone(), patches, at);
                                }
                            },
                        );
                        let left = if images > 1 {
                            for (o, row) in merged.chunks_exact_mut(used).take(co).enumerate() {
                                for (slot, target) in row.chunks_exact_mut(plane).enumerate() {
                                    let image = group * images + slot;
                                    target.copy_from_slice(&g[(image * co + o) * plane..][..plane]);
                                }
                            }
                            Mat::rows(merged, used)
                        } else {
                            Mat::rows(&g[group * co * plane + top * geo.out_w..], plane)
                        };
                        gemm(
                            (co, pieces, used),
                            left,
                            Mat::transposed(patches, used),
                            target,
                            scale,
                            unit > first_unit,
                        );
                    }
                });
            });
        })
    };
    if parts == 1 { sums } else { reduce(&sums, size) }
}

/// The sum of the parts, in their order.
fn reduce(sums: &[f32], size: usize) -> Vec<f32> {
    // SAFETY: the chunks cover every element.
    unsafe {
        build_f32(size, |out| {
            for_each_chunk(size, 1 << 14, |range| {
                let target = out.slice_mut(range.start, range.len());
                target.copy_from_slice(&sums[range.clone()]);
                for part in sums.chunks_exact(size).skip(1) {
                    for (sum, value) in target.iter_mut().zip(&part[range.clone()]) {
                        *sum += value;
                    }
                }
            });
        })
    }
}
