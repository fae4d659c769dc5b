//! Float32 kernels for the CPU: one read, one write. The noise map is shared by all channels and stays in the cache.

use crate::kernel::{SharedMut, build_f32, for_each_chunk};
use crate::leaky_relu::{activate, gradient};
use crate::planes::{GRAIN, Parts, Planes, sum_over_batch, sums2};
use crate::vectorized::vectorized;

/// The noise map of an image: each image has its own, or all share one.
#[inline(always)]
fn map_of<'a>(noise: &'a [f32], planes: &Planes, image: usize) -> &'a [f32] {
    let start = if noise.len() == planes.len { 0 } else { image * planes.len };
    &noise[start..start + planes.len]
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
    let bias: Vec<f32> = bias.iter().map(|bias| bias * bias_scale).collect();
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_chunk(planes.elements(), GRAIN, |range| {
                let first = range.start;
                let out = out.slice_mut(first, range.len());
                forward_chunk(out, &x[range], noise, noise_weight, &bias, planes, first, slope);
            });
        })
    }
}

vectorized! {
    fn forward_chunk(
        out: &mut [f32],
        x: &[f32],
        noise: &[f32],
        noise_weight: &[f32],
        bias: &[f32],
        planes: &Planes,
        first: usize,
        slope: f32,
    ) {
        for (plane, part) in Parts::new(first, out.len(), planes.len) {
            let (image, channel) = (plane / planes.channels, plane % planes.channels);
            let (weight, bias) = (noise_weight[channel], bias[channel]);
            let noise = &map_of(noise, planes, image)[first + part.start - plane * planes.len..];
            for ((out, &x), &noise) in out[part.clone()].iter_mut().zip(&x[part]).zip(noise) {
                *out = activate((x + noise * weight) + bias, slope);
            }
        }
    }
}

/// Bias and leaky ReLU, after noise (its maps and its weights) if there is any, written over x: what follows a convolution that nobody else reads.
pub(crate) fn in_place(
    x: &mut [f32],
    noise: Option<(&[f32], &[f32])>,
    bias: &[f32],
    planes: &Planes,
    bias_scale: f32,
    slope: f32,
) {
    let bias: Vec<f32> = bias.iter().map(|bias| bias * bias_scale).collect();
    let x = SharedMut::new(x);
    for_each_chunk(planes.elements(), GRAIN, |range| {
        // SAFETY: each chunk is another part, all of which is written.
        let part = unsafe { x.slice_mut(range.start, range.len()) };
        match noise {
            Some((maps, weight)) => {
                noise_chunk(part, maps, weight, &bias, planes, range.start, slope)
            }
            None => bias_chunk(part, &bias, planes, range.start, slope),
        }
    });
}

vectorized! {
    fn noise_chunk(
        x: &mut [f32],
        noise: &[f32],
        noise_weight: &[f32],
        bias: &[f32],
        planes: &Planes,
        first: usize,
        slope: f32,
    ) {
        for (plane, part) in Parts::new(first, x.len(), planes.len) {
            let (image, channel) = (plane / planes.channels, plane % planes.channels);
            let (weight, bias) = (noise_weight[channel], bias[channel]);
            let noise = &map_of(noise, planes, image)[first + part.start - plane * planes.len..];
            for (x, &noise) in x[part].iter_mut().zip(noise) {
                *x = activate((*x + noise * weight) + bias, slope);
            }
        }
    }
}

vectorized! {
    fn bias_chunk(x: &mut [f32], bias: &[f32], planes: &Planes, first: usize, slope: f32) {
        for (plane, part) in Parts::new(first, x.len(), planes.len) {
            let bias = bias[plane % planes.channels];
            for x in &mut x[part] {
                *x = activate(*x + bias, slope);
            }
        }
    }
}

/// The gradient of x, and for each channel the sums over images and positions of it and of it times the noise.
pub(crate) fn backward(
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
                let range = plane * planes.len..(plane + 1) * planes.len;
                let out = out.slice_mut(range.start, planes.len);
                let noise = map_of(noise, planes, plane / planes.channels);
                plane_backward(out, &g[range.clone()], &y[range], noise, slope)
            });
            sums = sum_over_batch(planes, &per_plane);
        })
    };
    (gx, sums)
}

vectorized! {
    fn plane_backward(
        out: &mut [f32],
        g: &[f32],
        y: &[f32],
        noise: &[f32],
        slope: f32,
    ) -> [f64; 2] {
        gradient(out, g, y, slope);
        sums2(out, noise, |gx, noise| [gx, gx * noise])
    }
}
