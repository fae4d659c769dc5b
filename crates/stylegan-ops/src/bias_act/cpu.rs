//! Float32 kernels for the CPU: one read, one write.

use pulp::Arch;

use crate::kernel::{build_f32, for_each_chunk};
use crate::leaky_relu::{activate, vjp};
use crate::planes::{GRAIN, Planes, for_each_part, sum_over_batch, sums as plane_sums};

pub(super) fn forward(
    x: &[f32],
    bias: &[f32],
    planes: &Planes,
    scale: f32,
    slope: Option<f32>,
) -> Vec<f32> {
    // With slope 1 the activation is the identity.
    let slope = slope.unwrap_or(1.0);
    // A matrix is walked along its rows, where neighbours have different biases.
    let matrix = planes.len == 1;
    let plane_len = if matrix { planes.channels } else { planes.len };
    // SAFETY: the chunks cover every element, and each writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_chunk(planes.elements(), GRAIN, |range| {
                let first = range.start;
                let out = out.slice_mut(first, range.len());
                Arch::new().dispatch(|| {
                    for_each_part(range, plane_len, |plane, part| {
                        let out = &mut out[part.start - first..part.end - first];
                        let x = &x[part.clone()];
                        if matrix {
                            let row = plane * plane_len;
                            let bias = &bias[part.start - row..part.end - row];
                            for ((out, &x), &bias) in out.iter_mut().zip(x).zip(bias) {
                                *out = activate(x + bias * scale, slope);
                            }
                        } else {
                            let bias = bias[plane % planes.channels] * scale;
                            for (out, &x) in out.iter_mut().zip(x) {
                                *out = activate(x + bias, slope);
                            }
                        }
                    });
                });
            });
        })
    }
}

/// The gradient of x, and if they are wanted its sums over images and positions, for each channel.
pub(super) fn backward(
    g: &[f32],
    y: &[f32],
    planes: &Planes,
    slope: f32,
    with_sums: bool,
) -> (Vec<f32>, Option<Vec<[f64; 1]>>) {
    if planes.len == 1 {
        let gx = vjp(g, y, slope);
        let sums = with_sums.then(|| column_sums(&gx, planes));
        return (gx, sums);
    }
    let mut sums = None;
    // SAFETY: the planes cover every element, and each task writes its own plane.
    let gx = unsafe {
        build_f32(planes.elements(), |out| {
            let per_plane = planes.map(|plane| {
                let start = plane * planes.len;
                let out = out.slice_mut(start, planes.len);
                let (g, y) = (&g[start..start + planes.len], &y[start..start + planes.len]);
                Arch::new().dispatch(|| {
                    for ((out, &g), &y) in out.iter_mut().zip(g).zip(y) {
                        *out = if y > 0.0 { g } else { slope * g };
                    }
                    if with_sums { plane_sums(out, |gx| [gx]) } else { [0.0] }
                })
            });
            sums = with_sums.then(|| sum_over_batch(planes, &per_plane));
        })
    };
    (gx, sums)
}

/// The sums of g over images and positions, for each channel.
pub(super) fn channel_sums(g: &[f32], planes: &Planes) -> Vec<[f64; 1]> {
    if planes.len == 1 {
        return column_sums(g, planes);
    }
    let per_plane = planes.map(|plane| {
        let g = &g[plane * planes.len..(plane + 1) * planes.len];
        Arch::new().dispatch(|| plane_sums(g, |g| [g]))
    });
    sum_over_batch(planes, &per_plane)
}

/// The column sums of a matrix.
fn column_sums(g: &[f32], planes: &Planes) -> Vec<[f64; 1]> {
    let mut sums = vec![[0.0]; planes.channels];
    Arch::new().dispatch(|| {
        for row in g.chunks_exact(planes.channels.max(1)) {
            for (sum, &g) in sums.iter_mut().zip(row) {
                sum[0] += f64::from(g);
            }
        }
    });
    sums
}
