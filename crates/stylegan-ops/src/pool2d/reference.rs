//! Pooling in plain candle operations: the executable specification, and what float64 and other devices use.

use candle_core::{Result, Tensor};

use super::Geometry;

/// Every window's largest element or mean, by its taps.
pub(super) fn pool(x: &Tensor, geometry: &Geometry, largest: bool) -> Result<Tensor> {
    let outside = if largest { f64::NEG_INFINITY } else { 0.0 };
    let padded = padded(x, geometry, outside)?;
    let counted = padded_counts(x, geometry)?;
    let (mut sum, mut count): (Option<Tensor>, Option<Tensor>) = (None, None);
    for ky in 0..geometry.window.kernel {
        for kx in 0..geometry.window.kernel {
            let read = tap(&padded, geometry, ky, kx)?;
            sum = Some(match sum {
                Some(sum) if largest => sum.maximum(&read)?,
                Some(sum) => (sum + read)?,
                None => read,
            });
            let read = tap(&counted, geometry, ky, kx)?;
            count = Some(match count {
                Some(count) => (count + read)?,
                None => read,
            });
        }
    }
    match (sum, count) {
        (Some(sum), Some(count)) if !largest => sum.broadcast_div(&count),
        (Some(sum), _) => Ok(sum),
        // A window has at least one tap.
        (None, _) => Ok(x.clone()),
    }
}

/// The map within what its windows cover.
fn padded(x: &Tensor, geometry: &Geometry, outside: f64) -> Result<Tensor> {
    let mut x = x.clone();
    for (axis, outputs) in [(2, geometry.out_h), (3, geometry.out_w)] {
        let window = geometry.window;
        let covered = (outputs - 1) * window.stride + window.kernel;
        let size = x.dim(axis)?;
        let edge = |count: usize| -> Result<Tensor> {
            let mut dims = x.dims().to_vec();
            dims[axis] = count;
            Tensor::full(outside, dims, x.device())?.to_dtype(x.dtype())
        };
        let (before, after) = (window.padding, covered.saturating_sub(size + window.padding));
        // No tensor of nothing: GPUs have no room of size 0.
        let mut parts = vec![x.clone()];
        if before > 0 {
            parts.insert(0, edge(before)?);
        }
        if after > 0 {
            parts.push(edge(after)?);
        }
        x = Tensor::cat(&parts, axis)?;
    }
    Ok(x)
}

/// 1 where the map is, 0 around it.
fn padded_counts(x: &Tensor, geometry: &Geometry) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    padded(&Tensor::ones((1, 1, h, w), x.dtype(), x.device())?, geometry, 0.0)
}

/// What tap (ky, kx) reads for every output.
fn tap(padded: &Tensor, geometry: &Geometry, ky: usize, kx: usize) -> Result<Tensor> {
    let positions = |tap: usize, outputs: usize| {
        let stride = geometry.window.stride;
        let index: Vec<u32> = (0..outputs).map(|o| (o * stride + tap) as u32).collect();
        Tensor::from_vec(index, outputs, padded.device())
    };
    let rows = positions(ky, geometry.out_h)?;
    let columns = positions(kx, geometry.out_w)?;
    padded.contiguous()?.index_select(&rows, 2)?.index_select(&columns, 3)
}
