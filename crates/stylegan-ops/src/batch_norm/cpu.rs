//! Float32 kernels for the CPU, a plane at a time.

use crate::kernel::build_f32;
use crate::planes::{Planes, sum_over_batch, sums as sums_of, sums2};
use crate::vectorized::vectorized;

/// What normalizes one channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    mean: f32,
    /// `1 / sqrt(variance + eps)`.
    inverse: f64,
}

impl Moments {
    pub(super) fn new(mean: f32, variance: f32, eps: f64) -> Self {
        Self { mean, inverse: 1.0 / (f64::from(variance) + eps).sqrt() }
    }
}

/// Mean and biased variance of every channel. The second pass takes distances from the mean, so that nothing cancels.
pub(super) fn statistics(x: &[f32], planes: &Planes) -> (Vec<f32>, Vec<f32>) {
    let plane_of = |plane: usize| &x[plane * planes.len..][..planes.len];
    let share = 1.0 / (planes.batch * planes.len) as f64;
    let sums = sum_over_batch(planes, &planes.map(|plane| plane_sum(plane_of(plane))));
    let mean: Vec<f32> = sums.iter().map(|[sum]| (sum * share) as f32).collect();
    let squares = planes.map(|plane| plane_squares(plane_of(plane), mean[plane % planes.channels]));
    let squares = sum_over_batch(planes, &squares);
    // The mean was rounded to float32: its error is the mean distance, and taken out.
    let variance = squares.iter().map(|[distance, square]| {
        let error = distance * share;
        (square * share - error * error).max(0.0) as f32
    });
    (mean, variance.collect())
}

vectorized! {
    fn plane_sum(x: &[f32]) -> [f64; 1] {
        sums_of(x, |x| [x])
    }
}

vectorized! {
    fn plane_squares(x: &[f32], mean: f32) -> [f64; 2] {
        sums_of(x, |x| {
            let d = x - mean;
            [d, d * d]
        })
    }
}

pub(super) fn forward(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    moments: &[Moments],
    planes: &Planes,
) -> Vec<f32> {
    // SAFETY: the planes cover every element, and each task writes its own plane.
    unsafe {
        build_f32(planes.elements(), |out| {
            planes.map(|plane| {
                let (start, channel) = (plane * planes.len, plane % planes.channels);
                let Moments { mean, inverse } = moments[channel];
                let out = out.slice_mut(start, planes.len);
                let x = &x[start..][..planes.len];
                let factor = inverse * f64::from(weight[channel]);
                plane_forward(out, x, mean, factor as f32, bias[channel]);
            });
        })
    }
}

vectorized! {
    fn plane_forward(out: &mut [f32], x: &[f32], mean: f32, factor: f32, bias: f32) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = (x - mean) * factor + bias;
        }
    }
}

/// For each channel the sums of g and of g times the normalized x.
pub(super) fn sums(g: &[f32], x: &[f32], moments: &[Moments], planes: &Planes) -> Vec<[f64; 2]> {
    let per_plane = planes.map(|plane| {
        let range = plane * planes.len..(plane + 1) * planes.len;
        plane_sums(&g[range.clone()], &x[range], moments[plane % planes.channels])
    });
    sum_over_batch(planes, &per_plane)
}

vectorized! {
    fn plane_sums(g: &[f32], x: &[f32], moments: Moments) -> [f64; 2] {
        let (mean, inverse) = (moments.mean, moments.inverse as f32);
        sums2(g, x, |g, x| [g, g * ((x - mean) * inverse)])
    }
}

/// The gradient of x; `through` holds the channels' sums where the statistics are those of x.
pub(super) fn backward(
    g: &[f32],
    x: &[f32],
    weight: &[f32],
    moments: &[Moments],
    through: Option<&[[f64; 2]]>,
    planes: &Planes,
) -> Vec<f32> {
    let share = 1.0 / (planes.batch * planes.len).max(1) as f64;
    // SAFETY: the planes cover every element, and each task writes its own plane.
    unsafe {
        build_f32(planes.elements(), |out| {
            planes.map(|plane| {
                let channel = plane % planes.channels;
                let range = plane * planes.len..(plane + 1) * planes.len;
                let out = out.slice_mut(range.start, planes.len);
                let means = through.map(|sums| sums[channel].map(|sum| (sum * share) as f32));
                let (g, x) = (&g[range.clone()], &x[range]);
                plane_backward(out, g, x, moments[channel], weight[channel], means);
            });
        })
    }
}

vectorized! {
    fn plane_backward(
        out: &mut [f32],
        g: &[f32],
        x: &[f32],
        moments: Moments,
        weight: f32,
        means: Option<[f32; 2]>,
    ) {
        let Moments { mean, inverse } = moments;
        let (factor, inverse) = ((inverse * f64::from(weight)) as f32, inverse as f32);
        match means {
            None => {
                for (out, &g) in out.iter_mut().zip(g) {
                    *out = g * factor;
                }
            }
            Some([g_mean, along]) => {
                for ((out, &g), &x) in out.iter_mut().zip(g).zip(x) {
                    let h = (x - mean) * inverse;
                    *out = ((g - g_mean) - h * along) * factor;
                }
            }
        }
    }
}
