//! Float32 kernels for the CPU: one read, one write.

use crate::kernel::{build_f32, for_each_chunk};
use crate::leaky_relu::{activate, gradient, vjp};
use crate::planes::{GRAIN, Parts, Planes, sum_over_batch, sums};
use crate::vectorized::vectorized;

pub(super) fn forward(
    x: &[f32],
    bias: &[f32],
    planes: &Planes,
    scale: f32,
    slope: Option<f32>,
) -> Vec<f32> {
    // With slope 1 the activation is the identity.
    let slope = slope.unwrap_or(1.0);
    let bias: Vec<f32> = bias.iter().map(|bias| bias * scale).collect();
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_chunk(planes.elements(), GRAIN, |range| {
                let first = range.start;
                let out = out.slice_mut(first, range.len());
                // A matrix is walked along its rows, where neighbours have different biases.
                if planes.len == 1 {
                    rows_chunk(out, &x[range], &bias, first, slope);
                } else {
                    planes_chunk(out, &x[range], &bias, first, planes.len, slope);
                }
            });
        })
    }
}

vectorized! {
    fn planes_chunk(
        out: &mut [f32],
        x: &[f32],
        bias: &[f32],
        first: usize,
        plane_len: usize,
        slope: f32,
    ) {
        for (plane, part) in Parts::new(first, out.len(), plane_len) {
            let bias = bias[plane % bias.len()];
            for (out, &x) in out[part.clone()].iter_mut().zip(&x[part]) {
                *out = activate(x + bias, slope);
            }
        }
    }
}

vectorized! {
    fn rows_chunk(out: &mut [f32], x: &[f32], bias: &[f32], first: usize, slope: f32) {
        for (row, part) in Parts::new(first, out.len(), bias.len()) {
            let bias = &bias[first + part.start - row * bias.len()..];
            for ((out, &x), &bias) in out[part.clone()].iter_mut().zip(&x[part]).zip(bias) {
                *out = activate(x + bias, slope);
            }
        }
    }
}

/// The gradient of x, and if they are wanted its sums over images and positions, for each channel.
pub(crate) fn backward(
    g: &[f32],
    y: &[f32],
    planes: &Planes,
    slope: f32,
    with_sums: bool,
) -> (Vec<f32>, Option<Vec<[f64; 1]>>) {
    if planes.len == 1 || !with_sums {
        let gx = vjp(g, y, slope);
        let sums = with_sums.then(|| column_sums(&gx, planes.channels));
        return (gx, sums);
    }
    let mut sums = Vec::new();
    // SAFETY: the planes cover every element, and each task writes its own plane.
    let gx = unsafe {
        build_f32(planes.elements(), |out| {
            let per_plane = planes.map(|plane| {
                let range = plane * planes.len..(plane + 1) * planes.len;
                let out = out.slice_mut(range.start, planes.len);
                plane_backward(out, &g[range.clone()], &y[range], slope)
            });
            sums = sum_over_batch(planes, &per_plane);
        })
    };
    (gx, Some(sums))
}

vectorized! {
    fn plane_backward(out: &mut [f32], g: &[f32], y: &[f32], slope: f32) -> [f64; 1] {
        gradient(out, g, y, slope);
        sums(out, |gx| [gx])
    }
}

/// The sums of g over images and positions, for each channel.
pub(super) fn channel_sums(g: &[f32], planes: &Planes) -> Vec<[f64; 1]> {
    if planes.len == 1 {
        return column_sums(g, planes.channels);
    }
    let per_plane = planes.map(|plane| plane_sum(&g[plane * planes.len..][..planes.len]));
    sum_over_batch(planes, &per_plane)
}

vectorized! {
    fn plane_sum(g: &[f32]) -> [f64; 1] {
        sums(g, |g| [g])
    }
}

vectorized! {
    /// The column sums of a matrix.
    fn column_sums(g: &[f32], columns: usize) -> Vec<[f64; 1]> {
        let mut sums = vec![[0.0]; columns];
        for row in g.chunks_exact(columns.max(1)) {
            for (sum, &g) in sums.iter_mut().zip(row) {
                sum[0] += f64::from(g);
            }
        }
        sums
    }
}
