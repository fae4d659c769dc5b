//! The Fréchet inception distance (Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", section 4).
//!
//! ```text
//! FID = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))
//! ```
//!
//! With any factor S1 = F F^T, the eigenvalues of S1 S2 are those of the symmetric F^T S2 F, so that the trace of the root is the sum of their roots:
//! no root of an unsymmetric matrix, and nothing imaginary to be dropped.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};

use crate::bootstrap::{self, Interval};
use crate::features::{BLOCK, Features};
use crate::{MetricError, Watch};

/// Parts that matrix products are cut into, whatever the number of threads: the cut decides the bits.
fn parts() -> Par {
    Par::rayon(4)
}

/// Mean and covariance of features.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// The mean, `[D]`.
    pub mean: Vec<f64>,
    /// The covariance, [D, D].
    pub covariance: Mat<f64>,
    /// Samples that they were computed from.
    pub count: usize,
}

/// What covariances are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divisor {
    /// Samples less one, as numpy's `cov`: StyleGAN's and most others' FID.
    Unbiased,
    /// Samples: stylegan2-ada-pytorch's.
    Count,
}

impl Gaussian {
    /// Mean and covariance of features, block by block in double precision.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] for fewer than two rows.
    pub fn of(features: &Features, divisor: Divisor) -> Result<Self, MetricError> {
        let (count, dims) = (features.count(), features.dims());
        if count < 2 {
            let (metric, what) = ("the Fréchet distance", "images");
            return Err(MetricError::TooFew { metric, what, needed: 2, found: count });
        }
        // Sums around the first block's mean, so that little cancels.
        let shift = mean(&features.block(0..BLOCK)?, dims);
        let mut sums = vec![0f64; dims];
        let mut products = Mat::<f64>::zeros(dims, dims);
        for block in features.blocks() {
            let (_, rows) = block?;
            let centred: Vec<f64> = rows
                .chunks_exact(dims)
                .flat_map(|row| row.iter().zip(&shift).map(|(x, shift)| f64::from(*x) - shift))
                .collect();
            for row in centred.chunks_exact(dims) {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += x;
                }
            }
            let columns = MatRef::from_column_major_slice(&centred, dims, rows.len() / dims);
            matmul(products.as_mut(), Accum::Add, columns, columns.transpose(), 1.0, parts());
        }
        let n = count as f64;
        let divisor = if divisor == Divisor::Unbiased { n - 1.0 } else { n };
        let covariance =
            Mat::from_fn(dims, dims, |i, j| (products[(i, j)] - sums[i] * sums[j] / n) / divisor);
        let mean = sums.iter().zip(&shift).map(|(sum, shift)| sum / n + shift).collect();
        Ok(Self { mean, covariance, count })
    }

    /// A distribution that is known.
    pub fn new(mean: Vec<f64>, covariance: Mat<f64>, count: usize) -> Self {
        Self { mean, covariance, count }
    }
}

fn mean(rows: &[f32], dims: usize) -> Vec<f64> {
    let mut sums = vec![0f64; dims];
    for row in rows.chunks_exact(dims) {
        for (sum, x) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    let count = (rows.len() / dims).max(1) as f64;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

/// The distance of two Gaussians, and its two terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frechet {
    /// The squared distance of the means.
    pub means: f64,
    /// What the covariances add.
    pub covariances: f64,
}

impl Frechet {
    /// The distance.
    pub fn value(&self) -> f64 {
        self.means + self.covariances
    }
}

/// The Fréchet distance of two Gaussians.
///
/// # Errors
/// [`MetricError::Settings`] if they have different dimensions; [`MetricError::Eigenvalues`] if a covariance is not finite.
pub fn frechet_distance(a: &Gaussian, b: &Gaussian) -> Result<Frechet, MetricError> {
    let (found, expected) = (b.mean.len(), a.mean.len());
    if found != expected {
        let said = format!("features of {expected} and of {found} numbers cannot be compared");
        return Err(MetricError::Settings(said));
    }
    let means = a.mean.iter().zip(&b.mean).map(|(a, b)| (a - b).powi(2)).sum();
    let trace = |matrix: &Mat<f64>| (0..expected).map(|i| matrix[(i, i)]).sum::<f64>();
    let root = trace_of_root(&a.covariance, &b.covariance)?;
    let covariances = trace(&a.covariance) + trace(&b.covariance) - 2.0 * root;
    Ok(Frechet { means, covariances })
}

/// `tr((A B)^(1/2))` of two positive semidefinite matrices.
///
/// # Errors
/// [`MetricError::Eigenvalues`] if the eigenvalues do not converge.
pub fn trace_of_root(a: &Mat<f64>, b: &Mat<f64>) -> Result<f64, MetricError> {
    let factor = factor(a)?;
    let middle = sandwich(&factor, b);
    let failed =
        |_| MetricError::Eigenvalues { metric: "the Fréchet distance", size: middle.nrows() };
    faer::set_global_parallelism(Par::Seq);
    let values = middle.self_adjoint_eigenvalues(Side::Lower).map_err(failed)?;
    // Rounding makes zeros negative.
    Ok(values.iter().map(|value| value.max(0.0).sqrt()).sum())
}

/// F with A = F F^T: Cholesky's where A is positive definite, else by eigenvalues.
fn factor(a: &Mat<f64>) -> Result<Mat<f64>, MetricError> {
    faer::set_global_parallelism(parts());
    if let Ok(cholesky) = a.llt(Side::Lower) {
        return Ok(cholesky.L().to_owned());
    }
    faer::set_global_parallelism(Par::Seq);
    let failed = |_| MetricError::Eigenvalues { metric: "the Fréchet distance", size: a.nrows() };
    let eigen = a.self_adjoint_eigen(Side::Lower).map_err(failed)?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    Ok(Mat::from_fn(a.nrows(), a.ncols(), |i, j| vectors[(i, j)] * values[j].max(0.0).sqrt()))
}

/// F^T B F.
fn sandwich(factor: &Mat<f64>, b: &Mat<f64>) -> Mat<f64> {
    let size = b.nrows();
    let (mut right, mut middle) = (Mat::zeros(size, size), Mat::zeros(size, size));
    matmul(right.as_mut(), Accum::Replace, b.as_ref(), factor.as_ref(), 1.0, parts());
    let left = factor.as_ref().transpose();
    matmul(middle.as_mut(), Accum::Replace, left, right.as_ref(), 1.0, parts());
    middle
}

/// The distance's bootstrap interval over the generated samples, in first order: each sample's influence on the distance is computed once, and the influences are
/// drawn again. None if there are fewer than two samples.
///
/// With A and B the covariances of real and generated features and T = A^(1/2) (A^(1/2) B A^(1/2))^(-1/2) A^(1/2), the derivative with respect to B is I - T, and
/// with respect to the mean 2 (m2 - m1).
///
/// # Errors
/// As [`frechet_distance`], and [`MetricError::Stopped`] on request.
pub fn frechet_interval(
    real: &Gaussian,
    generated: &Gaussian,
    features: &Features,
    value: f64,
    seed: u64,
    watch: &dyn Watch,
) -> Result<Option<Interval>, MetricError> {
    let dims = real.mean.len();
    let transport = transport(&real.covariance, &generated.covariance)?;
    let mut influences = Vec::with_capacity(features.count());
    for block in features.blocks() {
        let (first, rows) = block?;
        if watch.stop() {
            let (what, total) = ("images", features.count());
            return Err(MetricError::Stopped { what, done: first, total });
        }
        let centred: Vec<f64> = rows
            .chunks_exact(dims)
            .flat_map(|row| row.iter().zip(&generated.mean).map(|(x, mean)| f64::from(*x) - mean))
            .collect();
        let count = rows.len() / dims;
        let columns = MatRef::from_column_major_slice(&centred, dims, count);
        let mut mapped = Mat::zeros(dims, count);
        matmul(mapped.as_mut(), Accum::Replace, transport.as_ref(), columns, 1.0, parts());
        for (index, row) in centred.chunks_exact(dims).enumerate() {
            let of_mean: f64 = (0..dims)
                .map(|i| 2.0 * (generated.mean[i] - real.mean[i]) * row[i])
                .sum();
            let of_covariance: f64 =
                (0..dims).map(|i| row[i] * (row[i] - mapped[(i, index)])).sum();
            influences.push(of_mean + of_covariance);
        }
    }
    let centre = influences.iter().sum::<f64>() / influences.len().max(1) as f64;
    let interval = bootstrap::of_mean(&influences, seed);
    Ok(interval.map(|interval| Interval {
        low: value + interval.low - centre,
        high: value + interval.high - centre,
    }))
}

/// The matrix T of [`frechet_interval`], with pseudoinverses: B -> A, T B T = A where both have full rank. With A = F F^T, it is
/// `F (F^T B F)^(-1/2) F^T`.
fn transport(a: &Mat<f64>, b: &Mat<f64>) -> Result<Mat<f64>, MetricError> {
    let factor = factor(a)?;
    let middle = sandwich(&factor, b);
    faer::set_global_parallelism(Par::Seq);
    let size = a.nrows();
    let failed = |_| MetricError::Eigenvalues { metric: "the Fréchet distance", size };
    let eigen = middle.self_adjoint_eigen(Side::Lower).map_err(failed)?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    let largest = (0..size).map(|i| values[i]).fold(0.0, f64::max);
    let least = largest * 1e-12;
    let scaled = Mat::from_fn(size, size, |i, j| {
        vectors[(i, j)] * if values[j] > least { values[j].powf(-0.25) } else { 0.0 }
    });
    let (mut half, mut whole) = (Mat::zeros(size, size), Mat::zeros(size, size));
    matmul(half.as_mut(), Accum::Replace, factor.as_ref(), scaled.as_ref(), 1.0, parts());
    let right = half.as_ref().transpose();
    matmul(whole.as_mut(), Accum::Replace, half.as_ref(), right, 1.0, parts());
    Ok(whole)
}
