//! Symmetric matrices in double precision: what the Fréchet distance needs of linear algebra.
//!
//! Matrices are square, row-major, both triangles stored. Nearly all the work is matrix products, which candle's do; their cut into parts does not depend on
//! the number of threads, and so neither do the bits.

mod eigenvalues;

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

pub(crate) use eigenvalues::eigenvalues;

/// Rows of a part of a product.
const ROWS: usize = 256;

/// Columns of a step of Cholesky's factorisation.
const BLOCK: usize = 64;

/// a [M, K] times b [K, N], both float64: parts of rows side by side.
pub(crate) fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let rows = a.dim(0)?;
    let b = b.contiguous()?;
    let parts = (0..rows.div_ceil(ROWS))
        .into_par_iter()
        .map(|part| {
            let count = ROWS.min(rows - part * ROWS);
            a.narrow(0, part * ROWS, count)?.contiguous()?.matmul(&b)
        })
        .collect::<Result<Vec<_>>>()?;
    Tensor::cat(&parts, 0)
}

/// The transpose, in memory.
pub(crate) fn transposed(a: &Tensor) -> Result<Tensor> {
    a.t()?.contiguous()
}

/// F [D, R] with A = F F^T for a positive semidefinite A [D, D] (float64). Cholesky's factor where A is positive definite, else that of a factorisation with
/// pivots, which ends when nothing but rounding is left.
pub(crate) fn factor(a: &Tensor) -> Result<Tensor> {
    let size = a.dim(0)?;
    let values = a.flatten_all()?.to_vec1::<f64>()?;
    match cholesky(values.clone(), size)? {
        Some(factor) => Tensor::from_vec(factor, (size, size), &Device::Cpu),
        None => pivoted(&values, size),
    }
}

/// The lower factor of a positive definite matrix; none if it is not, or hardly.
fn cholesky(mut a: Vec<f64>, size: usize) -> Result<Option<Vec<f64>>> {
    let largest = (0..size).map(|i| a[i * size + i]).fold(0.0, f64::max);
    // Below, what is left of a pivot is rounding.
    let least = largest * size as f64 * 1e-15;
    for start in (0..size).step_by(BLOCK) {
        let end = (start + BLOCK).min(size);
        // The block's columns, each less the products of those before it in the block.
        for j in start..end {
            let row: Vec<f64> = a[j * size + start..j * size + j].to_vec();
            let pivot = a[j * size + j] - row.iter().map(|x| x * x).sum::<f64>();
            if pivot <= least || !pivot.is_finite() {
                return Ok(None);
            }
            let pivot = pivot.sqrt();
            a[j * size + j] = pivot;
            a[(j + 1) * size..].par_chunks_mut(size).with_min_len(64).for_each(|below| {
                let sum: f64 = below[start..j].iter().zip(&row).map(|(x, y)| x * y).sum();
                below[j] = (below[j] - sum) / pivot;
            });
        }
        // What follows, less the block's products.
        if end < size {
            let count = size - end;
            let panel: Vec<f64> = a[end * size..]
                .chunks_exact(size)
                .flat_map(|row| row[start..end].to_vec())
                .collect();
            let panel = Tensor::from_vec(panel, (count, end - start), &Device::Cpu)?;
            let products =
                product(&panel, &transposed(&panel)?)?.flatten_all()?.to_vec1::<f64>()?;
            a[end * size..]
                .par_chunks_mut(size)
                .zip(products.par_chunks(count))
                .enumerate()
                .for_each(|(index, (row, products))| {
                    let lower = &mut row[end..end + index + 1];
                    lower.iter_mut().zip(products).for_each(|(x, product)| *x -= product);
                });
        }
    }
    for (index, row) in a.chunks_exact_mut(size).enumerate() {
        row[index + 1..].fill(0.0);
    }
    Ok(Some(a))
}

/// The factor of a semidefinite matrix, one column a pivot: `[D, rank]`.
fn pivoted(a: &[f64], size: usize) -> Result<Tensor> {
    let mut left: Vec<f64> = (0..size).map(|i| a[i * size + i]).collect();
    let least = left.iter().copied().fold(0.0, f64::max) * size as f64 * 1e-15;
    // The factor's transpose, row by row: [rank, D].
    let mut columns: Vec<f64> = Vec::new();
    for _ in 0..size {
        let (at, pivot) = left.iter().enumerate().fold((0, 0.0), |best, (index, value)| {
            if *value > best.1 { (index, *value) } else { best }
        });
        if pivot <= least || !pivot.is_finite() {
            break;
        }
        let mut column = a[at * size..(at + 1) * size].to_vec();
        for before in columns.chunks_exact(size) {
            let share = before[at];
            column.iter_mut().zip(before).for_each(|(x, before)| *x -= share * before);
        }
        let root = pivot.sqrt();
        for (x, left) in column.iter_mut().zip(&mut left) {
            *x /= root;
            *left -= *x * *x;
        }
        left[at] = 0.0;
        columns.extend(column);
    }
    let rank = columns.len() / size.max(1);
    if rank == 0 {
        return Tensor::zeros((size, 1), candle_core::DType::F64, &Device::Cpu);
    }
    transposed(&Tensor::from_vec(columns, (rank, size), &Device::Cpu)?)
}

/// F^T B F for B [D, D] and F [D, R].
pub(crate) fn sandwich(factor: &Tensor, b: &Tensor) -> Result<Tensor> {
    product(&transposed(factor)?, &product(b, factor)?)
}

/// M^(-1/2) of a positive definite matrix by Newton's and Schulz's coupled iteration (Higham 2008, "Functions of Matrices", section 6.3), which is nothing but
/// products. `ridge` times the mean eigenvalue is added first.
pub(crate) fn inverse_root(m: &Tensor, ridge: f64) -> Result<Tensor> {
    let size = m.dim(0)?;
    let identity = Tensor::eye(size, candle_core::DType::F64, &Device::Cpu)?;
    let trace = (m * &identity)?.sum_all()?.to_scalar::<f64>()?;
    let m = (m + identity.affine(ridge * trace / size as f64, 0.0)?)?;
    // Scaled so that all eigenvalues lie below 1, where the iteration converges.
    let norm = m.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt().max(f64::MIN_POSITIVE);
    let mut root = m.affine(1.0 / norm, 0.0)?;
    let mut inverse = identity.clone();
    for _ in 0..60 {
        let middle = product(&inverse, &root)?;
        let off = (&middle - &identity)?.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt();
        if off <= 1e-9 * (size as f64).sqrt() {
            break;
        }
        let step = (identity.affine(1.5, 0.0)? - middle.affine(0.5, 0.0)?)?;
        root = product(&root, &step)?;
        inverse = product(&step, &inverse)?;
    }
    inverse.affine(1.0 / norm.sqrt(), 0.0)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use stylegan_ops::random::Stream;

    use super::*;

    fn covariance(size: usize, samples: usize) -> Tensor {
        let rows = Stream::new(1, 2, 3).normal((samples, size), &Device::Cpu).unwrap();
        let rows = rows.to_dtype(DType::F64).unwrap();
        product(&transposed(&rows).unwrap(), &rows).unwrap()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        let norm =
            |x: Tensor| x.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
        norm((a - b).unwrap()) / norm(b.clone())
    }

    #[test]
    fn factors_multiply_to_the_matrix_whatever_its_rank() {
        for (size, samples) in [(1, 3), (7, 20), (150, 400), (40, 9), (130, 64)] {
            let a = covariance(size, samples);
            let factor = factor(&a).unwrap();
            assert_eq!(factor.dims(), [size, size.min(samples)]);
            let again = product(&factor, &transposed(&factor).unwrap()).unwrap();
            assert!(distance(&again, &a) < 1e-10, "{size} {samples}");
        }
        let nothing = Tensor::zeros((3, 3), DType::F64, &Device::Cpu).unwrap();
        assert_eq!(factor(&nothing).unwrap().dims(), [3, 1]);
    }

    #[test]
    fn an_inverse_root_squares_to_the_inverse() {
        let a = covariance(60, 200);
        let root = inverse_root(&a, 0.0).unwrap();
        let unit = product(&product(&root, &a).unwrap(), &root).unwrap();
        let identity = Tensor::eye(60, DType::F64, &Device::Cpu).unwrap();
        assert!(distance(&unit, &identity) < 1e-8);
    }
}
