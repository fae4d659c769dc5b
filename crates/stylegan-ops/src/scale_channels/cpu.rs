//! Float32 kernels for the CPU.

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::{GRAIN, Parts, Planes, sums2};
use crate::vectorized::vectorized;

pub(super) fn scale(x: &[f32], s: &[f32], planes: &Planes) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_chunk(planes.elements(), GRAIN, |range| {
                let first = range.start;
                scale_chunk(out.slice_mut(first, range.len()), &x[range], s, first, planes.len);
            });
        })
    }
}

vectorized! {
    fn scale_chunk(out: &mut [f32], x: &[f32], s: &[f32], first: usize, len: usize) {
        for (plane, part) in Parts::new(first, out.len(), len) {
            let factor = s[plane];
            for (out, &x) in out[part.clone()].iter_mut().zip(&x[part]) {
                *out = x * factor;
            }
        }
    }
}

pub(super) fn dot(a: &[f32], b: &[f32], planes: &Planes) -> Vec<f32> {
    planes.map(|plane| {
        let range = plane * planes.len..(plane + 1) * planes.len;
        plane_dot(&a[range.clone()], &b[range])
    })
}

vectorized! {
    fn plane_dot(a: &[f32], b: &[f32]) -> f32 {
        let [sum] = sums2(a, b, |a, b| [a * b]);
        sum as f32
    }
}
