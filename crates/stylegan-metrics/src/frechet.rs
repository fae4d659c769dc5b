//! The Fréchet inception distance (Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", section 4).
//!
//! ```text
//! FID = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))
//! ```
//!
//! With any factor S1 = F F^T, the eigenvalues of S1 S2 are those of the symmetric F^T S2 F, so that the trace of the root is the sum of their roots:
//! no root of an unsymmetric matrix, and nothing imaginary to be dropped.

use candle_core::{DType, Device, Tensor};

use crate::bootstrap::{self, Interval};
use crate::features::{BLOCK, Features};
use crate::symmetric::{eigenvalues, factor, inverse_root, product, sandwich, transposed};
use crate::{MetricError, Watch};

/// Mean and covariance of features.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// The mean, `[D]`.
    pub mean: Vec<f64>,
    /// The covariance, [D, D], float64.
    pub covariance: Tensor,
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
        let mut products = Tensor::zeros((dims, dims), DType::F64, &Device::Cpu)?;
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
            let block = Tensor::from_vec(centred, (rows.len() / dims, dims), &Device::Cpu)?;
            products = (products + product(&transposed(&block)?, &block)?)?;
        }
        let n = count as f64;
        let divisor = if divisor == Divisor::Unbiased { n - 1.0 } else { n };
        let column = Tensor::from_slice(&sums, (dims, 1), &Device::Cpu)?;
        let outer = column.matmul(&column.t()?)?.affine(1.0 / n, 0.0)?;
        let covariance = (products - outer)?.affine(1.0 / divisor, 0.0)?;
        let mean = sums.iter().zip(&shift).map(|(sum, shift)| sum / n + shift).collect();
        Ok(Self { mean, covariance, count })
    }

    /// A distribution that is known.
    pub fn new(mean: Vec<f64>, covariance: Tensor, count: usize) -> Self {
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
    let identity = Tensor::eye(expected, DType::F64, &Device::Cpu)?;
    let trace = |matrix: &Tensor| (matrix * &identity)?.sum_all()?.to_scalar::<f64>();
    let root = trace_of_root(&a.covariance, &b.covariance)?;
    let covariances = trace(&a.covariance)? + trace(&b.covariance)? - 2.0 * root;
    Ok(Frechet { means, covariances })
}

/// `tr((A B)^(1/2))` of two positive semidefinite matrices.
///
/// # Errors
/// [`MetricError::Eigenvalues`] if the eigenvalues do not converge.
pub fn trace_of_root(a: &Tensor, b: &Tensor) -> Result<f64, MetricError> {
    let middle = sandwich(&factor(a)?, b)?;
    let (metric, size) = ("the Fréchet distance", middle.dim(0)?);
    let values = eigenvalues(&middle)?.ok_or(MetricError::Eigenvalues { metric, size })?;
    // Rounding makes zeros negative.
    Ok(values.iter().map(|value| value.max(0.0).sqrt()).sum())
}

/// The distance's bootstrap interval over the generated samples, in first order: each sample's influence on the distance is computed once, and the influences are
/// drawn again. None if there are fewer than two samples.
///
/// With A and B the covariances of real and generated features and T = A^(1/2) (A^(1/2) B A^(1/2))^(-1/2) A^(1/2), the derivative with respect to B is I - T, and
/// with respect to the mean 2 (m2 - m1). A millionth of the mean eigenvalue keeps the inverse root finite where covariances have no full rank.
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
        let block = Tensor::from_slice(&centred, (rows.len() / dims, dims), &Device::Cpu)?;
        let mapped = product(&block, &transport)?.flatten_all()?.to_vec1::<f64>()?;
        for (row, mapped) in centred.chunks_exact(dims).zip(mapped.chunks_exact(dims)) {
            let of_mean: f64 =
                (0..dims).map(|i| 2.0 * (generated.mean[i] - real.mean[i]) * row[i]).sum();
            let of_covariance: f64 = (0..dims).map(|i| row[i] * (row[i] - mapped[i])).sum();
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

/// The matrix T of [`frechet_interval`]. With A = F F^T, it is `F (F^T B F)^(-1/2) F^T`.
fn transport(a: &Tensor, b: &Tensor) -> Result<Tensor, MetricError> {
    let factor = factor(a)?;
    let root = inverse_root(&sandwich(&factor, b)?, 1e-6)?;
    Ok(product(&product(&factor, &root)?, &transposed(&factor)?)?)
}
