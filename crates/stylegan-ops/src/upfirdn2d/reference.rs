//! The executable specification, in plain candle operations: a matrix for each axis.

use candle_core::{Result, Tensor};

use super::geometry::{Axis, Geometry};

pub(super) fn apply(x: &Tensor, geometry: &Geometry) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let [rows, columns] = &geometry.axes;
    let (down, across) = (matrix(x, rows, &geometry.taps)?, matrix(x, columns, &geometry.taps)?);
    let y = x.contiguous()?.reshape((n * c * h, w))?.matmul(&across.t()?)?;
    let y = y.reshape((n * c, h, columns.output))?.transpose(1, 2)?.contiguous()?;
    let y = y.reshape((n * c * columns.output, h))?.matmul(&down.t()?)?;
    let y = y.reshape((n * c, columns.output, rows.output))?.transpose(1, 2)?.contiguous()?;
    y.reshape((n, c, rows.output, columns.output))?.affine(geometry.gain, 0.0)
}

/// [output, input]: row o holds the taps that output o is made with.
fn matrix(like: &Tensor, axis: &Axis, taps: &[f64]) -> Result<Tensor> {
    let mut values = vec![0f64; axis.output * axis.input];
    for (o, row) in values.chunks_exact_mut(axis.input).enumerate() {
        axis.products(o, taps.len(), |input, tap| row[input] += taps[tap]);
    }
    Tensor::from_vec(values, (axis.output, axis.input), like.device())?.to_dtype(like.dtype())
}
