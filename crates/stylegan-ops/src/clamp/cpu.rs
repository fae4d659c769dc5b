//! Float32 kernels for the CPU.

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

vectorized! {
    fn forward_chunk(out: &mut [f32], x: &[f32], limit: f32) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x.clamp(-limit, limit);
        }
    }
}

vectorized! {
    fn vjp_chunk(out: &mut [f32], g: &[f32], y: &[f32], limit: f32) {
        for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
            *out = if y.abs() < limit { g } else { 0.0 };
        }
    }
}

pub(super) fn forward(x: &[f32], limit: f32) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(x.len(), |out| {
            for_each_chunk(x.len(), GRAIN, |range| {
                forward_chunk(out.slice_mut(range.start, range.len()), &x[range], limit);
            });
        })
    }
}

pub(super) fn vjp(g: &[f32], y: &[f32], limit: f32) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(g.len(), |out| {
            for_each_chunk(g.len(), GRAIN, |range| {
                let out = out.slice_mut(range.start, range.len());
                vjp_chunk(out, &g[range.clone()], &y[range], limit);
            });
        })
    }
}
