//! Float32 kernels for the CPU, a plane at a time.
//!
//! The statistics come from blocks that fit the first cache: the mean of a block, then the deviations from that mean, which also correct it;
//! blocks are combined in double precision. This is as exact as two passes over the plane, and reads it from memory once.

use pulp::Arch;

use crate::kernel::build_f32;
use crate::planes::{Planes, sums as sums_of, sums2};

/// What normalizes one plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
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
        let [sum] = sums_of(block, |x| [x]);
        let centre = (sum / len) as f32;
        let [rest, around] = sums_of(block, |x| {
            let d = x - centre;
            [d, d * d]
        });
        let block_mean = f64::from(centre) + rest / len;
        let block_squares = around - rest * rest / len;
        let difference = block_mean - mean;
        let total = count + len;
        mean += difference * (len / total);
        squares += block_squares + difference * difference * (count * len / total);
        count = total;
    }
    let variance = squares.max(0.0) / count;
    Statistics { mean: mean as f32, inverse: (1.0 / (variance + eps).sqrt()) as f32 }
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

/// The normalized and styled planes, and the statistics of each.
pub(super) fn forward(
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
                let x = &x[start..start + planes.len];
                let (factor, shift) = style_of(style, planes, plane);
                Arch::new().dispatch(|| {
                    let statistics = statistics(x, eps);
                    let Statistics { mean, inverse } = statistics;
                    let factor = inverse * factor;
                    for (out, &x) in out.iter_mut().zip(x) {
                        *out = (x - mean) * factor + shift;
                    }
                    statistics
                })
            });
        })
    };
    (y, all)
}

/// The sums of g and of g times the normalized x.
#[inline(always)]
fn plane_sums(g: &[f32], x: &[f32], Statistics { mean, inverse }: Statistics) -> [f64; 2] {
    sums2(g, x, |g, x| [g, g * ((x - mean) * inverse)])
}

/// The gradient of x, and for each plane the sums of g and of g times the normalized x.
pub(super) fn backward(
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
                let start = plane * planes.len;
                let out = out.slice_mut(start, planes.len);
                let (g, x) = (&g[start..start + planes.len], &x[start..start + planes.len]);
                let (factor, _) = style_of(style, planes, plane);
                let Statistics { mean, inverse } = statistics[plane];
                Arch::new().dispatch(|| {
                    let sums = plane_sums(g, x, statistics[plane]);
                    let g_mean = (sums[0] / planes.len as f64) as f32;
                    let along = (sums[1] / planes.len as f64) as f32;
                    let factor = inverse * factor;
                    for ((out, &g), &x) in out.iter_mut().zip(g).zip(x) {
                        let h = (x - mean) * inverse;
                        *out = ((g - g_mean) - h * along) * factor;
                    }
                    sums
                })
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
        let (g, x) = (&g[range.clone()], &x[range]);
        Arch::new().dispatch(|| plane_sums(g, x, statistics[plane]))
    })
}

/// The gradient of the style [N, 2C] from the sums of each plane.
pub(super) fn style_gradient(sums: &[[f64; 2]], planes: &Planes) -> Vec<f32> {
    let mut gradient = Vec::with_capacity(2 * sums.len());
    for image in sums.chunks_exact(planes.channels.max(1)) {
        gradient.extend(image.iter().map(|sums| sums[1] as f32));
        gradient.extend(image.iter().map(|sums| sums[0] as f32));
    }
    gradient
}
