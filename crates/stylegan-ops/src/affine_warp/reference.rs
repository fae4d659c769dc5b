//! The executable specification, in plain candle operations: matrices for doubling and halving, gathering between.

use candle_core::{Result, Tensor};

use super::plan::{Axis, Plan};

pub(super) fn apply(
    x: &Tensor,
    taps: &[f64],
    plans: &[Option<Plan>],
    transposed: bool,
) -> Result<Tensor> {
    let mut images = Vec::with_capacity(plans.len());
    for (n, plan) in plans.iter().enumerate() {
        let image = x.get(n)?;
        images.push(match plan {
            None => image,
            Some(plan) if transposed => backward(&image, taps, plan)?,
            Some(plan) => forward(&image, taps, plan)?,
        });
    }
    Tensor::stack(&images, 0)
}

/// An image [C, H, W].
fn forward(x: &Tensor, taps: &[f64], plan: &Plan) -> Result<Tensor> {
    let channels = x.dim(0)?;
    let (rows, columns) = (&plan.rows, &plan.columns);
    let doubled = sandwich(x, &doubling(x, rows, taps)?, &doubling(x, columns, taps)?)?;
    let doubled = doubled.reshape((channels, rows.count * columns.count))?;
    let mut warped = Tensor::zeros((channels, plan.samples.len()), x.dtype(), x.device())?;
    for (index, weight) in corners(x, plan)? {
        warped = (warped + doubled.index_select(&index, 1)?.broadcast_mul(&weight)?)?;
    }
    let warped = warped.reshape((channels, rows.window, columns.window))?;
    sandwich(&warped, &halving(x, rows, taps)?, &halving(x, columns, taps)?)
}

fn backward(g: &Tensor, taps: &[f64], plan: &Plan) -> Result<Tensor> {
    let channels = g.dim(0)?;
    let (rows, columns) = (&plan.rows, &plan.columns);
    let warped = sandwich(g, &halving(g, rows, taps)?.t()?, &halving(g, columns, taps)?.t()?)?;
    let warped = warped.reshape((channels, plan.samples.len()))?;
    let shape = (channels, rows.count * columns.count);
    let mut doubled = Tensor::zeros(shape, g.dtype(), g.device())?;
    for (index, weight) in corners(g, plan)? {
        doubled = doubled.index_add(&index, &warped.broadcast_mul(&weight)?, 1)?;
    }
    let doubled = doubled.reshape((channels, rows.count, columns.count))?;
    sandwich(&doubled, &doubling(g, rows, taps)?.t()?, &doubling(g, columns, taps)?.t()?)
}

/// `left x right^T` of each channel.
fn sandwich(x: &Tensor, left: &Tensor, right: &Tensor) -> Result<Tensor> {
    let right = right.t()?.contiguous()?;
    left.contiguous()?.broadcast_matmul(&x.contiguous()?)?.broadcast_matmul(&right)
}

/// Indices [samples] and weights [1, samples] of the four neighbours.
fn corners(like: &Tensor, plan: &Plan) -> Result<Vec<(Tensor, Tensor)>> {
    let count = plan.samples.len();
    [(0, 0), (0, 1), (1, 0), (1, 1)]
        .into_iter()
        .map(|(down, right)| {
            let offset = (down * plan.columns.count + right) as u32;
            let share = |part: f32, far: usize| if far == 1 { part } else { 1.0 - part };
            let index: Vec<u32> = plan.samples.iter().map(|s| s.index + offset).collect();
            let weight: Vec<f64> = plan
                .samples
                .iter()
                .map(|s| f64::from(share(s.down, down)) * f64::from(share(s.right, right)))
                .collect();
            let weight = Tensor::from_vec(weight, (1, count), like.device())?;
            let index = Tensor::from_vec(index, count, like.device())?;
            Ok((index, weight.to_dtype(like.dtype())?))
        })
        .collect()
}

/// [elements read, elements].
fn doubling(like: &Tensor, axis: &Axis, taps: &[f64]) -> Result<Tensor> {
    let mut values = vec![0f64; axis.count * axis.len];
    for (i, row) in values.chunks_exact_mut(axis.len).enumerate() {
        let (first, element) = axis.first_product(i, taps.len());
        for (back, tap) in taps[first..].iter().step_by(2).enumerate() {
            row[axis.mirror(element - back as isize)] += 2.0 * tap;
        }
    }
    Tensor::from_vec(values, (axis.count, axis.len), like.device())?.to_dtype(like.dtype())
}

/// [elements, window].
fn halving(like: &Tensor, axis: &Axis, taps: &[f64]) -> Result<Tensor> {
    let mut values = vec![0f64; axis.len * axis.window];
    for (o, row) in values.chunks_exact_mut(axis.window).enumerate() {
        row[2 * o..2 * o + taps.len()].copy_from_slice(taps);
    }
    Tensor::from_vec(values, (axis.len, axis.window), like.device())?.to_dtype(like.dtype())
}
