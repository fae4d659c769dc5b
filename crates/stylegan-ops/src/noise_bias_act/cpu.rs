//! Float32 kernels for the CPU: one read, one write. The noise map is shared by all channels and stays in the cache.

use pulp::Arch;

use crate::kernel::{build_f32, for_each_chunk};
use crate::leaky_relu::activate;
use crate::planes::{GRAIN, Planes, for_each_part, sum_over_batch, sums2};

/// Where the noise map of an image begins: each image has its own, or all share one.
fn noise_start(noise: &[f32], planes: &Planes, image: usize) -> usize {
    if noise.len() == planes.len { 0 } else { image * planes.len }
}

pub(super) fn forward(
    x: &[f32],
    noise: &[f32],
    noise_weight: &[f32],
    bias: &[f32],
    planes: &Planes,
    bias_scale: f32,
    slope: f32,
) -> Vec<f32> {
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_chunk(planes.elements(), GRAIN, |range| {
                let first = range.start;
                let out = out.slice_mut(first, range.len());
                Arch::new().dispatch(|| {
                    for_each_part(range, planes.len, |plane, part| {
                        let (image, channel) = (plane / planes.channels, plane % planes.channels);
                        let weight = noise_weight[channel];
                        let bias = bias[channel] * bias_scale;
                        let offset = part.start - plane * planes.len;
                        let noise = &noise[noise_start(noise, planes, image) + offset..];
                        let out = &mut out[part.start - first..part.end - first];
                        for ((out, &x), &noise) in out.iter_mut().zip(&x[part]).zip(noise) {
                            *out = activate((x + noise * weight) + bias, slope);
                        }
                    });
                });
            });
        })
    }
}

/// The gradient of x, and for each channel the sums over images and positions of it and of it times the noise.
pub(super) fn backward(
    g: &[f32],
    y: &[f32],
    noise: &[f32],
    planes: &Planes,
    slope: f32,
) -> (Vec<f32>, Vec<[f64; 2]>) {
    let mut sums = Vec::new();
    // SAFETY: the planes cover every element, and each task writes its own plane.
    let gx = unsafe {
        build_f32(planes.elements(), |out| {
            let per_plane = planes.map(|plane| {
                let start = plane * planes.len;
                let out = out.slice_mut(start, planes.len);
                let (g, y) = (&g[start..start + planes.len], &y[start..start + planes.len]);
                let noise_start = noise_start(noise, planes, plane / planes.channels);
                let noise = &noise[noise_start..noise_start + planes.len];
                Arch::new().dispatch(|| {
                    for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
                        *out = if y > 0.0 { g } else { slope * g };
                    }
                    sums2(out, noise, |gx, noise| [gx, gx * noise])
                })
            });
            sums = sum_over_batch(planes, &per_plane);
        })
    };
    (gx, sums)
}
