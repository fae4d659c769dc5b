//! Eigenvalues of a symmetric matrix: Householder's reduction to three diagonals in blocks, whose updates are matrix products (Dongarra, Hammarling and Sorensen
//! 1989), then the implicit QL method on the diagonals (Wilkinson and Reinsch 1971).

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::{product, transposed};

/// Columns that are reduced before the rest of the matrix is updated.
const PANEL: usize = 48;

/// Most steps for one eigenvalue; three are usual.
const STEPS: usize = 60;

/// The eigenvalues of a symmetric matrix [D, D] (float64), in no order; none if they do not converge, as where something is not finite.
pub(crate) fn eigenvalues(matrix: &Tensor) -> Result<Option<Vec<f64>>> {
    let size = matrix.dim(0)?;
    let (mut diagonal, mut off) = tridiagonal(matrix.flatten_all()?.to_vec1::<f64>()?, size)?;
    Ok(implicit_ql(&mut diagonal, &mut off).then_some(diagonal))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0f64; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// The diagonal and what stands beside it, of an orthogonally similar matrix of three diagonals.
fn tridiagonal(mut a: Vec<f64>, size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut diagonal, mut off) = (vec![0.0; size], vec![0.0; size.saturating_sub(1)]);
    let mut start = 0;
    while start < size {
        let width = PANEL.min(size - start);
        // Row i of `v` and `w` is a reflection's vector and what it makes of the matrix, over all of the matrix's columns.
        let (mut v, mut w): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
        for j in start..start + width {
            // Row j as the reflections before it in this panel leave it.
            let mut row = a[j * size + j..(j + 1) * size].to_vec();
            for (v, w) in v.iter().zip(&w) {
                let (own_v, own_w) = (v[j], w[j]);
                for (x, (v, w)) in row.iter_mut().zip(v[j..].iter().zip(&w[j..])) {
                    *x -= own_w * v + own_v * w;
                }
            }
            diagonal[j] = row[0];
            if j + 1 == size {
                break;
            }
            let (reflection, beta, tau) = reflection(&row[1..]);
            off[j] = beta;
            let mut vector = vec![0.0; size];
            vector[j + 1..].copy_from_slice(&reflection);
            // What the matrix makes of it, were the reflections of this panel applied already.
            let mut image = vec![0.0; size];
            let rows = a[(j + 1) * size..].par_chunks(size).with_min_len(32);
            image[j + 1..].par_iter_mut().with_min_len(32).zip(rows).for_each(|(image, row)| {
                *image = dot(&row[j + 1..], &reflection);
            });
            for (v, w) in v.iter().zip(&w) {
                let (by_v, by_w) = (dot(&v[j + 1..], &reflection), dot(&w[j + 1..], &reflection));
                for (x, (v, w)) in image[j + 1..].iter_mut().zip(v[j + 1..].iter().zip(&w[j + 1..]))
                {
                    *x -= by_w * v + by_v * w;
                }
            }
            let half = 0.5 * tau * tau * dot(&image[j + 1..], &reflection);
            for (x, v) in image[j + 1..].iter_mut().zip(&reflection) {
                *x = tau * *x - half * v;
            }
            v.push(vector);
            w.push(image);
        }
        start += width;
        if start < size {
            update(&mut a, size, start, &v, &w)?;
        }
    }
    Ok((diagonal, off))
}

/// The reflection `I - tau v v^T` with v[0] = 1 that maps x to a multiple `beta` of the first unit vector: `(v, beta, tau)`.
fn reflection(x: &[f64]) -> (Vec<f64>, f64, f64) {
    let mut v = x.to_vec();
    let rest = dot(&x[1..], &x[1..]);
    if rest == 0.0 {
        v.fill(0.0);
        v[0] = 1.0;
        return (v, x[0], 0.0);
    }
    let length = (x[0] * x[0] + rest).sqrt();
    let beta = if x[0] > 0.0 { -length } else { length };
    let tau = (beta - x[0]) / beta;
    let scale = 1.0 / (x[0] - beta);
    v.iter_mut().for_each(|v| *v *= scale);
    v[0] = 1.0;
    (v, beta, tau)
}

/// A -= V W^T + W V^T for the rows and columns from `start` on: one product of twice the width.
fn update(a: &mut [f64], size: usize, start: usize, v: &[Vec<f64>], w: &[Vec<f64>]) -> Result<()> {
    let count = size - start;
    let stacked = |first: &[Vec<f64>], second: &[Vec<f64>]| {
        let rows: Vec<f64> =
            first.iter().chain(second).flat_map(|row| row[start..].iter().copied()).collect();
        Tensor::from_vec(rows, (first.len() + second.len(), count), &Device::Cpu)
    };
    let products = product(&transposed(&stacked(v, w)?)?, &stacked(w, v)?)?;
    let products = products.flatten_all()?.to_vec1::<f64>()?;
    a[start * size..].par_chunks_mut(size).zip(products.par_chunks(count)).for_each(
        |(row, products)| {
            row[start..].iter_mut().zip(products).for_each(|(x, product)| *x -= product);
        },
    );
    Ok(())
}

/// Replaces the diagonal by the eigenvalues; false if they do not converge.
fn implicit_ql(diagonal: &mut [f64], off: &mut Vec<f64>) -> bool {
    let size = diagonal.len();
    off.resize(size, 0.0);
    for first in 0..size {
        for step in 0.. {
            // The block from `first` ends where an element beside the diagonal is rounding.
            let small = |i: usize| {
                off[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs())
            };
            let last = (first..size - 1).find(|&i| small(i)).unwrap_or(size - 1);
            if last == first {
                break;
            }
            if step == STEPS {
                return false;
            }
            let mut g = (diagonal[first + 1] - diagonal[first]) / (2.0 * off[first]);
            let mut r = g.hypot(1.0);
            g = diagonal[last] - diagonal[first] + off[first] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut whole = true;
            for i in (first..last).rev() {
                let (f, b) = (s * off[i], c * off[i]);
                r = f.hypot(g);
                off[i + 1] = r;
                if r == 0.0 {
                    // The block falls apart here; what is left is done again.
                    diagonal[i + 1] -= p;
                    off[last] = 0.0;
                    whole = false;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = diagonal[i + 1] - p;
                r = (diagonal[i] - g) * s + 2.0 * c * b;
                p = s * r;
                diagonal[i + 1] = g + p;
                g = c * r - b;
            }
            if whole {
                diagonal[first] -= p;
                off[first] = g;
                off[last] = 0.0;
            }
        }
    }
    diagonal.iter().all(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use stylegan_ops::random::Stream;

    use super::*;

    fn sorted(matrix: &Tensor) -> Vec<f64> {
        let mut values = eigenvalues(matrix).unwrap().unwrap();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn a_second_difference_has_cosines() {
        for size in [1, 2, 3, 47, 48, 49, 130] {
            let values: Vec<f64> = (0..size * size)
                .map(|at: usize| match (at / size).abs_diff(at % size) {
                    0 => 2.0,
                    1 => -1.0,
                    _ => 0.0,
                })
                .collect();
            let matrix = Tensor::from_vec(values, (size, size), &Device::Cpu).unwrap();
            for (index, value) in sorted(&matrix).into_iter().enumerate() {
                let angle = std::f64::consts::PI * (index + 1) as f64 / (size + 1) as f64;
                assert!(
                    (value - (2.0 - 2.0 * angle.cos())).abs() < 1e-12,
                    "{size} {index} {value}"
                );
            }
        }
    }

    #[test]
    fn known_values_in_a_random_basis_are_found_again() {
        // A product of reflections is a basis.
        let size = 101;
        let expected: Vec<f64> = (0..size).map(|i| (i / 3) as f64 - 10.0).collect();
        let mut matrix = Tensor::new(expected.as_slice(), &Device::Cpu).unwrap();
        matrix =
            (Tensor::eye(size, DType::F64, &Device::Cpu).unwrap()).broadcast_mul(&matrix).unwrap();
        for step in 0..5 {
            let v = Stream::new(4, step, 0).normal((size, 1), &Device::Cpu).unwrap();
            let v = v.to_dtype(DType::F64).unwrap();
            let length = v.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            let outer = v.matmul(&v.t().unwrap()).unwrap().affine(-2.0 / length, 0.0).unwrap();
            let reflection =
                (outer + Tensor::eye(size, DType::F64, &Device::Cpu).unwrap()).unwrap();
            matrix = product(&product(&reflection, &matrix).unwrap(), &reflection).unwrap();
        }
        for (value, expected) in sorted(&matrix).iter().zip(&expected) {
            assert!((value - expected).abs() < 1e-10, "{value} {expected}");
        }
    }

    #[test]
    fn what_is_not_finite_has_none() {
        let matrix = Tensor::full(f64::NAN, (5, 5), &Device::Cpu).unwrap();
        assert_eq!(eigenvalues(&matrix).unwrap(), None);
    }
}
