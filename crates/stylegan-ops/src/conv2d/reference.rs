//! The three operations in plain candle operations: the executable specification, and what float64 and other devices use.
//!
//! Each sums over the taps of the kernel, so that every tap is one matrix product. candle differentiates them to first order.

use candle_core::{Result, Tensor};

use super::geometry::Geometry;

/// Positions along one padded axis that tap `tap` reads: `tap, tap + stride, ...`.
fn positions(like: &Tensor, tap: usize, stride: usize, count: usize) -> Result<Tensor> {
    let index: Vec<u32> = (0..count).map(|o| (o * stride + tap) as u32).collect();
    Tensor::from_vec(index, count, like.device())
}

/// What the tap (ky, kx) reads for every output: [N, Ci, Ho * Wo] out of the padded input.
fn tap_input(padded: &Tensor, geo: &Geometry, ky: usize, kx: usize) -> Result<Tensor> {
    let read = if geo.stride == 1 {
        padded.narrow(2, ky, geo.out_h)?.narrow(3, kx, geo.out_w)?
    } else {
        let rows = positions(padded, ky, geo.stride, geo.out_h)?;
        let columns = positions(padded, kx, geo.stride, geo.out_w)?;
        padded.contiguous()?.index_select(&rows, 2)?.index_select(&columns, 3)?
    };
    read.contiguous()?.reshape((geo.batch, geo.in_channels, geo.out_plane()))
}

fn pad(x: &Tensor, geo: &Geometry) -> Result<Tensor> {
    if geo.padding == 0 {
        return Ok(x.clone());
    }
    x.pad_with_zeros(2, geo.padding, geo.padding)?.pad_with_zeros(3, geo.padding, geo.padding)
}

/// The weight of one tap, [Co, Ci].
fn tap_weight(w: &Tensor, geo: &Geometry, ky: usize, kx: usize) -> Result<Tensor> {
    w.narrow(2, ky, 1)?.narrow(3, kx, 1)?.contiguous()?.reshape((geo.out_channels, geo.in_channels))
}

fn taps(geo: &Geometry) -> impl Iterator<Item = (usize, usize)> {
    let kernel = geo.kernel;
    (0..kernel).flat_map(move |ky| (0..kernel).map(move |kx| (ky, kx)))
}

fn add(sum: Option<Tensor>, term: Tensor) -> Result<Option<Tensor>> {
    Ok(Some(match sum {
        Some(sum) => (sum + term)?,
        None => term,
    }))
}

/// y = scale * conv2d(x, w).
pub(super) fn forward(x: &Tensor, w: &Tensor, geo: &Geometry, scale: f64) -> Result<Tensor> {
    let padded = pad(x, geo)?;
    let mut sum = None;
    for (ky, kx) in taps(geo) {
        let read = tap_input(&padded, geo, ky, kx)?;
        sum = add(sum, tap_weight(w, geo, ky, kx)?.broadcast_matmul(&read)?)?;
    }
    scaled(sum, geo.output_shape(), x, scale)
}

/// The gradient with respect to x of `sum(g * y)`.
pub(super) fn input_vjp(g: &Tensor, w: &Tensor, geo: &Geometry, scale: f64) -> Result<Tensor> {
    let (padded_h, padded_w) = (geo.in_h + 2 * geo.padding, geo.in_w + 2 * geo.padding);
    let flat = g.contiguous()?.reshape((geo.batch, geo.out_channels, geo.out_plane()))?;
    let mut sum = None;
    for (ky, kx) in taps(geo) {
        let part = tap_weight(w, geo, ky, kx)?.t()?.contiguous()?.broadcast_matmul(&flat)?;
        let part = part.reshape((geo.batch, geo.in_channels, geo.out_h, geo.out_w))?;
        let columns = positions(g, kx, geo.stride, geo.out_w)?;
        let rows = positions(g, ky, geo.stride, geo.out_h)?;
        let (n, c) = (geo.batch, geo.in_channels);
        let wide = Tensor::zeros((n, c, geo.out_h, padded_w), g.dtype(), g.device())?
            .index_add(&columns, &part, 3)?;
        let placed = Tensor::zeros((n, c, padded_h, padded_w), g.dtype(), g.device())?
            .index_add(&rows, &wide, 2)?;
        sum = add(sum, placed)?;
    }
    let cropped = match sum {
        Some(sum) => Some(
            sum.narrow(2, geo.padding, geo.in_h)?.narrow(3, geo.padding, geo.in_w)?.contiguous()?,
        ),
        None => None,
    };
    scaled(cropped, geo.input_shape(), g, scale)
}

/// The gradient with respect to w of `sum(g * y)`.
pub(super) fn weight_vjp(x: &Tensor, g: &Tensor, geo: &Geometry, scale: f64) -> Result<Tensor> {
    let padded = pad(x, geo)?;
    let positions = geo.batch * geo.out_plane();
    // [N, Co, Ho, Wo] -> [Co, N * Ho * Wo]
    let flat = g.transpose(0, 1)?.contiguous()?.reshape((geo.out_channels, positions))?;
    let mut parts = Vec::with_capacity(geo.taps());
    for (ky, kx) in taps(geo) {
        // [N, Ci, Ho * Wo] -> [N * Ho * Wo, Ci]
        let read = tap_input(&padded, geo, ky, kx)?.transpose(1, 2)?.contiguous()?;
        parts.push(flat.matmul(&read.reshape((positions, geo.in_channels))?)?);
    }
    // [Co, Ci, K * K] -> [Co, Ci, K, K]
    scaled(Some(Tensor::stack(&parts, 2)?), geo.weight_shape(), x, scale)
}

fn scaled(
    sum: Option<Tensor>,
    shape: candle_core::Shape,
    like: &Tensor,
    scale: f64,
) -> Result<Tensor> {
    match sum {
        Some(sum) => sum.affine(scale, 0.0)?.reshape(shape),
        None => Tensor::zeros(shape, like.dtype(), like.device()),
    }
}
