//! Float32 kernels for the CPU, a plane at a time.
//!
//! The statistics come from blocks that fit the first cache: the mean of a block, then the deviations from that mean, which also correct it;
//! blocks are combined in double precision. This is as exact as two passes over the plane, and reads it from memory once.

use crate::kernel::build_f32;
use crate::planes::{Planes, sums as sums_of, sums2};
use crate::vectorized::vectorized;

/// What normalizes one plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistics {
    pub mean: f32,
    /// `1 / sqrt(variance + eps)`.
    pub inverse: f32,
}

/// Elements of a block: 16 KiB.
const BLOCK: usize = 1 << 12;

#[inline(always)]
fn statistics(x: &[f32], eps: f64) -> Statistics {
    let (mut count, mut mean, mut squares) = (0f64, 0f64, 0f64);
    for block in x.chunks(BLOCK) {
        let len = block.len() as f64;
        let share = 1.0 / len;
        let [sum] = sums_of(block, |x| [x]);
        let centre = (sum * share) as f32;
        let [rest, around] = sums_of(block, |x| {
            let d = x - centre;
            [d, d * d]
        });
        let block_mean = f64::from(centre) + rest * share;
        let block_squares = around - rest * rest * share;
        if x.len() <= BLOCK {
            // The usual case: a plane of one block.
            let variance = block_squares.max(0.0) * share;
            return Statistics { mean: block_mean as f32, inverse: inverse_root(variance, eps) };
        }
        let difference = block_mean - mean;
        let total = count + len;
        mean += difference * (len / total);
        squares += block_squares + difference * difference * (count * len / total);
        count = total;
    }
    let variance = squares.max(0.0) / count;
    Statistics { mean: mean as f32, inverse: inverse_root(variance, eps) }
}

#[inline(always)]
fn inverse_root(variance: f64, eps: f64) -> f32 {
    (1.0 / (variance + eps).sqrt()) as f32
}

/// The factor and the summand of a plane's style.
#[inline(always)]
fn style_of(style: Option<&[f32]>, planes: &Planes, plane: usize) -> (f32, f32) {
    style.map_or((1.0, 0.0), |style| {
        let (image, channel) = (plane / planes.channels, plane % planes.channels);
        let row = &style[image * 2 * planes.channels..];
        (row[channel] + 1.0, row[planes.channels + channel])
    })
}

vectorized! {
    fn plane_forward(
        out: &mut [f32],
        x: &[f32],
        style: (f32, f32),
        eps: f64,
    ) -> Statistics {
        let (factor, shift) = style;
        let statistics = statistics(x, eps);
        let (mean, factor) = (statistics.mean, statistics.inverse * factor);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = (x - mean) * factor + shift;
        }
        statistics
    }
}

/// The normalized and styled planes, and the statistics of each.
pub(crate) fn forward(
    x: &[f32],
    style: Option<&[f32]>,
    planes: &Planes,
    eps: f64,
) -> (Vec<f32>, Vec<Statistics>) {
    let mut all = Vec::new();
    // SAFETY: the planes cover every element, and each task writes its own plane.
    let y = unsafe {
        build_f32(planes.elements(), |out| {
            all = planes.map(|plane| {
                let start = plane * planes.len;
                let out = out.slice_mut(start, planes.len);
                plane_forward(out, &x[start..][..planes.len], style_of(style, planes, plane), eps)
            });
        })
    };
    (y, all)
}

vectorized! {
    /// The sums of g and of g times the normalized x.
    fn plane_sums(g: &[f32], x: &[f32], statistics: Statistics) -> [f64; 2] {
        gradient_sums(g, x, statistics)
    }
}

#[inline(always)]
fn gradient_sums(g: &[f32], x: &[f32], Statistics { mean, inverse }: Statistics) -> [f64; 2] {
    sums2(g, x, |g, x| [g, g * ((x - mean) * inverse)])
}

vectorized! {
    fn plane_backward(
        out: &mut [f32],
        g: &[f32],
        x: &[f32],
        statistics: Statistics,
        factor: f32,
    ) -> [f64; 2] {
        let sums = gradient_sums(g, x, statistics);
        let share = 1.0 / x.len() as f64;
        let (g_mean, along) = ((sums[0] * share) as f32, (sums[1] * share) as f32);
        let Statistics { mean, inverse } = statistics;
        let factor = inverse * factor;
        for ((out, &g), &x) in out.iter_mut().zip(g).zip(x) {
            let h = (x - mean) * inverse;
            *out = ((g - g_mean) - h * along) * factor;
        }
        sums
    }
}

/// The gradient of x, and for each plane the sums of g and of g times the normalized x.
pub(crate) fn backward(
    g: &[f32],
    x: &[f32],
    style: Option<&[f32]>,
    statistics: &[Statistics],
    planes: &Planes,
) -> (Vec<f32>, Vec<[f64; 2]>) {
    let mut all = Vec::new();
    // SAFETY: the planes cover every element, and each task writes its own plane.
    let gx = unsafe {
        build_f32(planes.elements(), |out| {
            all = planes.map(|plane| {
                let range = plane * planes.len..(plane + 1) * planes.len;
                let out = out.slice_mut(range.start, planes.len);
                let (factor, _) = style_of(style, planes, plane);
                plane_backward(out, &g[range.clone()], &x[range], statistics[plane], factor)
            });
        })
    };
    (gx, all)
}

/// The sums of [`backward`] alone.
pub(super) fn sums(
    g: &[f32],
    x: &[f32],
    statistics: &[Statistics],
    planes: &Planes,
) -> Vec<[f64; 2]> {
    planes.map(|plane| {
        let range = plane * planes.len..(plane + 1) * planes.len;
        plane_sums(&g[range.clone()], &x[range], statistics[plane])
    })
}

/// The gradient of the style [N, 2C] from the sums of each plane.
pub(crate) fn style_gradient(sums: &[[f64; 2]], planes: &Planes) -> Vec<f32> {
    let mut gradient = Vec::with_capacity(2 * sums.len());
    for image in sums.chunks_exact(planes.channels.max(1)) {
        gradient.extend(image.iter().map(|sums| sums[1] as f32));
        gradient.extend(image.iter().map(|sums| sums[0] as f32));
    }
    gradient
}
