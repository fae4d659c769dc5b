//! The forward pass.

use super::super::super::geometry::Geometry;
use super::padded::Layout;
use super::{HELD, POSITIONS};
use crate::kernel::{TileProduct, build_f32, for_each_task, with_scratch};

/// Output channels that are computed before they are written out.
const BLOCK: usize = 32;

/// y of `conv2d`.
pub(in super::super) fn forward(x: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    let (ci, co, plane, taps) = (geo.in_channels, geo.out_channels, geo.out_plane(), geo.taps());
    let band = (POSITIONS / geo.out_w).clamp(1, geo.out_h);
    let bands = geo.out_h.div_ceil(band);
    let layout = Layout::new(band, geo.out_w, geo.kernel, geo.stride);
    let columns = layout.columns(band);
    // channels whose copies are held at a time: sums of further ones are added
    let held = (HELD / layout.plane).clamp(1, ci);
    let blocked = held < ci;
    let inner: Vec<usize> = (0..taps).map(|t| layout.tap(t / geo.kernel, t % geo.kernel)).collect();
    let outer: Vec<usize> = (0..held).map(|channel| channel * taps).collect();
    let rows: Vec<usize> = (0..BLOCK).map(|channel| channel * ci * taps).collect();
    // all sums of a task are kept while the channels pass, or those of one block if they pass at once
    let sums = if blocked { co } else { BLOCK.min(co) };
    // SAFETY: the tasks cover every row of every image, and each writes all output channels of its rows.
    unsafe {
        build_f32(geo.batch * co * plane, |y| {
            for_each_task(geo.batch * bands, |task| {
                let (image, top) = (task / bands, task % bands * band);
                let count = band.min(geo.out_h - top);
                let columns = columns.min(layout.columns(count));
                with_scratch(layout.floats(held) + sums * columns, |scratch| {
                    let (copies, sums) = scratch.split_at_mut(layout.floats(held));
                    let write = |channel: usize, sums: &[f32]| {
                        let target = y.slice_mut(
                            (image * co + channel) * plane + top * geo.out_w,
                            count * geo.out_w,
                        );
                        let lines = sums.chunks_exact(layout.pitch);
                        for (target, line) in target.chunks_exact_mut(geo.out_w).zip(lines) {
                            target.copy_from_slice(&line[..geo.out_w]);
                        }
                    };
                    for from in (0..ci).step_by(held) {
                        let to = (from + held).min(ci);
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
                            },
                        );
                        for channel in (0..co).step_by(BLOCK) {
                            let channels = BLOCK.min(co - channel);
                            let sums =
                                if blocked { &mut sums[channel * columns..] } else { &mut *sums };
                            TileProduct {
                                a: w[(channel * ci + from) * taps..].as_ptr(),
                                rows: &rows[..channels],
                                a_outer: &outer[..to - from],
                                a_inner: 1,
                                b: copies.as_ptr(),
                                b_outer: layout.plane,
                                b_inner: &inner,
                                c: sums.as_mut_ptr(),
                                c_row: columns,
                                columns,
                                scale,
                                accumulate: from > 0,
                            }
                            .run();
                            if to == ci {
                                for index in 0..channels {
                                    write(channel + index, &sums[index * columns..][..columns]);
                                }
                            }
                        }
                    }
                });
            });
        })
    }
}
