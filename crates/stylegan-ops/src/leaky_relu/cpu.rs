//! Float32 kernels for the CPU.

use pulp::Arch;

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;

/// The activation of one number.
#[inline(always)]
pub(crate) fn activate(x: f32, slope: f32) -> f32 {
    if x > 0.0 { x } else { slope * x }
}

/// `out[i] = f(a[i], b[i])` in parallel.
fn zip_with(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32 + Copy + Send + Sync) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(a.len(), |out| {
            for_each_chunk(a.len(), GRAIN, |range| {
                let out = out.slice_mut(range.start, range.len());
                let (a, b) = (&a[range.clone()], &b[range]);
                Arch::new().dispatch(|| {
                    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *out = f(a, b);
                    }
                });
            });
        })
    }
}

pub(super) fn forward(x: &[f32], slope: f32) -> Vec<f32> {
    zip_with(x, x, move |x, _| activate(x, slope))
}

pub(crate) fn vjp(g: &[f32], y: &[f32], slope: f32) -> Vec<f32> {
    zip_with(g, y, move |g, y| if y > 0.0 { g } else { slope * g })
}
