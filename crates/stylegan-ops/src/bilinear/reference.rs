//! The executable specification, in plain candle operations: a matrix for each axis.

use candle_core::{Result, Tensor};

use super::Direction;

pub(super) fn apply(x: &Tensor, direction: Direction) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let (rows, columns) = direction.output((h, w));
    let (down, across) = (matrix(x, h, direction)?, matrix(x, w, direction)?);
    let y = x.contiguous()?.reshape((n * c * h, w))?.matmul(&across.t()?)?;
    let y = y.reshape((n * c, h, columns))?.transpose(1, 2)?.contiguous()?;
    let y = y.reshape((n * c * columns, h))?.matmul(&down.t()?)?;
    let y = y.reshape((n * c, columns, rows))?.transpose(1, 2)?.contiguous()?;
    y.reshape((n, c, rows, columns))
}

/// [output, input]: row o holds the weights that output o is made with.
fn matrix(like: &Tensor, input: usize, direction: Direction) -> Result<Tensor> {
    let small = if direction == Direction::Doubling { input } else { input / 2 };
    let mut weights = vec![0f64; 2 * small * small];
    for (o, row) in weights.chunks_exact_mut(small.max(1)).enumerate() {
        let near = o / 2;
        let far = if o % 2 == 1 { (near + 1).min(small - 1) } else { near.saturating_sub(1) };
        row[near] += 0.75;
        row[far] += 0.25;
    }
    let doubling = Tensor::from_vec(weights, (2 * small, small), like.device())?;
    let matrix = if direction == Direction::Doubling { doubling } else { doubling.t()? };
    matrix.contiguous()?.to_dtype(like.dtype())
}
