//! Passes over all samples: products with a few directions at a time, shared by all attributes.

use std::ops::Range;

use candle_core::{Result, Storage, Tensor};
use rayon::prelude::*;
use stylegan_ops as ops;

/// Samples at a time: few enough that a block stays in a cache between its two products, and cut by the size alone, so that sums
/// do not depend on the number of threads.
pub(super) const BLOCK: usize = 2048;

/// The blocks of `n` samples.
pub(super) fn blocks(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(BLOCK).map(|start| start..(start + BLOCK).min(n)).collect()
}

/// Directions in float64, row after row; the last component of a row belongs to the bias, the constant feature 1.
#[derive(Debug, Clone)]
pub(super) struct Directions {
    /// How many.
    pub count: usize,
    /// Components with the bias.
    pub width: usize,
    /// `[count, width]`.
    pub values: Vec<f64>,
}

impl Directions {
    /// All zero.
    pub fn zeros(count: usize, width: usize) -> Self {
        Self { count, width, values: vec![0.0; count * width] }
    }

    /// One of them.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// One of them, to change.
    pub fn row_mut(&mut self, index: usize) -> &mut [f64] {
        &mut self.values[index * self.width..(index + 1) * self.width]
    }

    /// Of rows of `width` components.
    pub fn of<'a>(rows: impl Iterator<Item = &'a [f64]>, width: usize) -> Self {
        let values: Vec<f64> = rows.flatten().copied().collect();
        Self { count: values.len() / width, width, values }
    }

    /// Weights `[count, width - 1]` in float32, and biases.
    fn split(&self, device: &candle_core::Device) -> Result<(Tensor, Vec<f32>)> {
        let (mut weights, mut biases) = (Vec::with_capacity(self.values.len()), Vec::new());
        for row in self.values.chunks_exact(self.width) {
            weights.extend(row[..self.width - 1].iter().map(|&value| value as f32));
            biases.push(row[self.width - 1] as f32);
        }
        Ok((Tensor::from_vec(weights, (self.count, self.width - 1), device)?, biases))
    }
}

/// Numbers of every sample and direction, `[n, count]`.
pub(super) struct Products {
    count: usize,
    values: Vec<f32>,
}

impl Products {
    /// Those of one direction.
    pub fn column(&self, index: usize) -> impl Fn(u32) -> f32 + '_ {
        move |row| self.values[row as usize * self.count + index]
    }

    /// All of them, sample after sample.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// `x . d + bias` of every sample and direction.
pub(super) fn products(x: &Tensor, directions: &Directions) -> Result<Products> {
    let (weights, biases) = directions.split(x.device())?;
    let parts = blocks(x.dim(0)?)
        .into_par_iter()
        .map(|range| block_products(x, &range, &weights, &biases))
        .collect::<Result<Vec<_>>>()?;
    Ok(Products { count: directions.count, values: parts.concat() })
}

/// Samples as numbers in memory, for sums over a few of them.
pub(super) struct Samples<'a> {
    /// `[n, dim]`.
    pub tensor: &'a Tensor,
    values: &'a [f32],
    /// Components.
    pub dim: usize,
}

/// Listed samples that are added in float32.
const CHUNK: usize = 512;

impl Samples<'_> {
    /// Calls `work` with a contiguous `x` `[n, dim]`, float32.
    pub fn with<T>(x: &Tensor, work: impl FnOnce(&Samples<'_>) -> Result<T>) -> Result<T> {
        let (_, dim) = x.dims2()?;
        let (storage, layout) = x.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else {
            candle_core::bail!("samples are looked at on the CPU");
        };
        let start = layout.start_offset();
        let values = &storage.as_slice::<f32>()?[start..start + layout.shape().elem_count()];
        work(&Samples { tensor: x, values, dim })
    }

    /// The sum of the listed samples, each with the constant feature 1 and times what `factor` makes of its place in the list and
    /// of the sample; `[dim + 1]`.
    pub fn sum(&self, rows: &[u32], factor: impl Fn(usize, &[f32]) -> f32 + Sync) -> Vec<f64> {
        let (values, dim) = (self.values, self.dim);
        let of_chunk = |(chunk, rows): (usize, &[u32])| {
            let (mut sum, mut bias) = (vec![0f32; dim], 0.0);
            for (place, &row) in rows.iter().enumerate() {
                let sample = &values[row as usize * dim..][..dim];
                let factor = factor(chunk * CHUNK + place, sample);
                sum.iter_mut().zip(sample).for_each(|(sum, x)| *sum += factor * x);
                bias += f64::from(factor);
            }
            (sum, bias)
        };
        let parts: Vec<_> = rows.par_chunks(CHUNK).enumerate().map(of_chunk).collect();
        let mut total = vec![0.0; dim + 1];
        for (sum, bias) in &parts {
            total.iter_mut().zip(sum).for_each(|(total, &x)| *total += f64::from(x));
            total[dim] += bias;
        }
        total
    }

    /// The sum of the listed samples times their products with a direction.
    pub fn moved(&self, rows: &[u32], direction: &[f64]) -> Vec<f64> {
        let weights: Vec<f32> = direction[..self.dim].iter().map(|&value| value as f32).collect();
        let bias = direction[self.dim] as f32;
        self.sum(rows, |_, sample| bias + dot32(sample, &weights))
    }
}

/// The dot product, in sixteen sums side by side.
fn dot32(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0f32; 16];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// For each block of samples, `coefficients` makes of the products `[rows, count]` (all with the bias) one number a sample and
/// direction, in place; the result is the sum of samples times their numbers, `[count, width]`.
pub(super) fn product_sums(
    x: &Tensor,
    directions: &Directions,
    coefficients: impl Fn(Range<usize>, &mut [f32]) + Sync + Send,
) -> Result<Directions> {
    let (weights, biases) = directions.split(x.device())?;
    let count = directions.count;
    sums(x, count, |range| {
        let mut products = block_products(x, &range, &weights, &biases)?;
        coefficients(range, &mut products);
        Ok(products)
    })
}

/// The sum of samples times their numbers, which `coefficients` gives for each block as `[rows, count]`; `[count, width]`.
pub(super) fn sums(
    x: &Tensor,
    count: usize,
    coefficients: impl Fn(Range<usize>) -> Result<Vec<f32>> + Sync + Send,
) -> Result<Directions> {
    let (n, dim) = x.dims2()?;
    let parts = blocks(n)
        .into_par_iter()
        .map(|range| {
            let values = coefficients(range.clone())?;
            let mut ones = vec![0.0; count];
            for row in values.chunks_exact(count) {
                for (sum, &value) in ones.iter_mut().zip(row) {
                    *sum += f64::from(value);
                }
            }
            let values = Tensor::from_vec(values, (range.len(), count), x.device())?;
            let block = x.narrow(0, range.start, range.len())?;
            let sums = ops::linear_weight_vjp(&block, &values, 1.0)?;
            Ok((sums.flatten_all()?.to_vec1::<f32>()?, ones))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut total = Directions::zeros(count, dim + 1);
    for (sums, ones) in &parts {
        for (index, (row, one)) in sums.chunks_exact(dim).zip(ones).enumerate() {
            let target = total.row_mut(index);
            for (target, &value) in target.iter_mut().zip(row) {
                *target += f64::from(value);
            }
            target[dim] += one;
        }
    }
    Ok(total)
}

/// The matrix of second moments with the constant feature, `[width, width]`: a mean over every `stride`-th block.
pub(super) fn second_moments(x: &Tensor, stride: usize) -> Result<Vec<f64>> {
    let (n, dim) = x.dims2()?;
    let width = dim + 1;
    let chosen: Vec<_> = blocks(n).into_iter().step_by(stride.max(1)).collect();
    let parts = chosen
        .par_iter()
        .map(|range| {
            let block = x.narrow(0, range.start, range.len())?;
            let squares = ops::linear_weight_vjp(&block, &block, 1.0)?;
            Ok((squares.flatten_all()?.to_vec1::<f32>()?, block.sum(0)?.to_vec1::<f32>()?))
        })
        .collect::<Result<Vec<_>>>()?;
    let rows: usize = chosen.iter().map(Range::len).sum();
    let mut total = vec![0.0; width * width];
    for (squares, sum) in &parts {
        for i in 0..dim {
            for j in 0..dim {
                total[i * width + j] += f64::from(squares[i * dim + j]);
            }
            total[i * width + dim] += f64::from(sum[i]);
            total[dim * width + i] += f64::from(sum[i]);
        }
    }
    total[dim * width + dim] = rows as f64;
    total.iter_mut().for_each(|value| *value /= rows.max(1) as f64);
    Ok(total)
}

fn block_products(
    x: &Tensor,
    range: &Range<usize>,
    weights: &Tensor,
    biases: &[f32],
) -> Result<Vec<f32>> {
    let block = x.narrow(0, range.start, range.len())?;
    let mut products = ops::linear(&block, weights, 1.0)?.flatten_all()?.to_vec1::<f32>()?;
    for row in products.chunks_exact_mut(biases.len()) {
        for (product, bias) in row.iter_mut().zip(biases) {
            *product += bias;
        }
    }
    Ok(products)
}
