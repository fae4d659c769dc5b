//! Float32 kernels for the CPU, a plane at a time.

use crate::kernel::build_f32;
use crate::planes::{Planes, sum_over_batch, sums2};
use crate::vectorized::vectorized;

/// `a` where x > 0, `a` times the channel's slope elsewhere: the output for `a` = x, the gradient of x for `a` = g.
pub(super) fn scaled(a: &[f32], x: &[f32], slopes: &[f32], planes: &Planes) -> Vec<f32> {
    // SAFETY: the planes cover every element, and each task writes its own plane.
    unsafe {
        build_f32(planes.elements(), |out| {
            planes.map(|plane| {
                let range = plane * planes.len..(plane + 1) * planes.len;
                let out = out.slice_mut(range.start, planes.len);
                plane_scaled(out, &a[range.clone()], &x[range], slopes[plane % planes.channels]);
            });
        })
    }
}

vectorized! {
    fn plane_scaled(out: &mut [f32], a: &[f32], x: &[f32], slope: f32) {
        for ((out, &a), &x) in out.iter_mut().zip(a).zip(x) {
            *out = a * if x > 0.0 { 1.0 } else { slope };
        }
    }
}

/// For each channel the sum of g * x where x <= 0.
pub(super) fn negative_products(g: &[f32], x: &[f32], planes: &Planes) -> Vec<[f64; 1]> {
    let per_plane = planes.map(|plane| {
        let range = plane * planes.len..(plane + 1) * planes.len;
        plane_products(&g[range.clone()], &x[range])
    });
    sum_over_batch(planes, &per_plane)
}

vectorized! {
    fn plane_products(g: &[f32], x: &[f32]) -> [f64; 1] {
        sums2(g, x, |g, x| [g * if x > 0.0 { 0.0 } else { x }])
    }
}
