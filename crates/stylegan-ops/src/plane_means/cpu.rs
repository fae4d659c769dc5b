//! Float32 kernels for the CPU, a plane at a time.

use crate::kernel::build_f32;
use crate::planes::{Planes, sums};
use crate::vectorized::vectorized;

pub(super) fn means(x: &[f32], planes: &Planes) -> Vec<f32> {
    let share = 1.0 / planes.len as f64;
    planes.map(|plane| (plane_sum(&x[plane * planes.len..][..planes.len]) * share) as f32)
}

vectorized! {
    fn plane_sum(x: &[f32]) -> f64 {
        let [sum] = sums(x, |x| [x]);
        sum
    }
}

/// Every plane filled with its share of g.
pub(super) fn spread(g: &[f32], planes: &Planes) -> Vec<f32> {
    let share = 1.0 / planes.len as f32;
    // SAFETY: the planes cover every element, and each task writes its own plane.
    unsafe {
        build_f32(planes.elements(), |out| {
            planes.map(|plane| {
                out.slice_mut(plane * planes.len, planes.len).fill(g[plane] * share);
            });
        })
    }
}
