//! Float32 kernels for the CPU.

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

/// The activation of one number. A choice of factor, not of a branch: signs are random, and a branch would be guessed wrong half of the time.
#[inline(always)]
pub(crate) fn activate(x: f32, slope: f32) -> f32 {
    x * if x > 0.0 { 1.0 } else { slope }
}

/// The gradients of numbers, from the outputs of the activation.
#[inline(always)]
pub(crate) fn gradient(out: &mut [f32], g: &[f32], y: &[f32], slope: f32) {
    for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
        *out = g * if y > 0.0 { 1.0 } else { slope };
    }
}

vectorized! {
    fn forward_chunk(out: &mut [f32], x: &[f32], slope: f32) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = activate(x, slope);
        }
    }
}

vectorized! {
    fn vjp_chunk(out: &mut [f32], g: &[f32], y: &[f32], slope: f32) {
        gradient(out, g, y, slope);
    }
}

pub(super) fn forward(x: &[f32], slope: f32) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(x.len(), |out| {
            for_each_chunk(x.len(), GRAIN, |range| {
                forward_chunk(out.slice_mut(range.start, range.len()), &x[range], slope);
            });
        })
    }
}

pub(crate) fn vjp(g: &[f32], y: &[f32], slope: f32) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(g.len(), |out| {
            for_each_chunk(g.len(), GRAIN, |range| {
                let out = out.slice_mut(range.start, range.len());
                vjp_chunk(out, &g[range.clone()], &y[range], slope);
            });
        })
    }
}
