//! Precision and recall of distributions (Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", section 2).
//!
//! A set's manifold is the union of balls around its members, each as large as the distance to the member's k-th nearest neighbour. Precision is the share of generated
//! samples in the manifold of the real ones, recall the share of real samples in the manifold of the generated ones.

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use stylegan_ops::linear;

use crate::bootstrap::{self, Interval};
use crate::features::Features;
use crate::{MetricError, Watch};

/// Both shares with their intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// The share of generated samples among the real ones.
    pub precision: f64,
    /// Its interval over the generated samples.
    pub precision_interval: Option<Interval>,
    /// The share of real samples among the generated ones.
    pub recall: f64,
    /// Its interval over the real samples.
    pub recall_interval: Option<Interval>,
}

/// Precision and recall with neighbourhoods of `k` (the paper: 3).
///
/// # Errors
/// [`MetricError::TooFew`] if a set has no more than k rows; [`MetricError::Settings`] for different dimensions; [`MetricError::Stopped`] on request.
pub fn precision_recall(
    real: &Features,
    generated: &Features,
    k: usize,
    seed: u64,
    watch: &dyn Watch,
) -> Result<PrecisionRecall, MetricError> {
    let (a, b) = (real.dims(), generated.dims());
    if a != b {
        let said = format!("features of {a} and of {b} numbers cannot be compared");
        return Err(MetricError::Settings(said));
    }
    let found = real.count().min(generated.count());
    if found <= k {
        let (metric, what) = ("precision and recall", "images");
        return Err(MetricError::TooFew { metric, what, needed: k + 1, found });
    }
    let centre = centre(real)?;
    let share = |manifold: &Features, samples: &Features| -> Result<_, MetricError> {
        let radii = radii(manifold, &centre, k, watch)?;
        let inside = inside(samples, manifold, &radii, &centre, watch)?;
        let share = inside.iter().sum::<f64>() / inside.len() as f64;
        Ok((share, bootstrap::of_mean(&inside, seed)))
    };
    let (precision, precision_interval) = share(real, generated)?;
    let (recall, recall_interval) = share(generated, real)?;
    Ok(PrecisionRecall { precision, precision_interval, recall, recall_interval })
}

/// The mean, around which distances lose less to rounding.
fn centre(features: &Features) -> Result<Vec<f32>, MetricError> {
    let mut sums = vec![0f64; features.dims()];
    for block in features.blocks() {
        for row in block?.1.chunks_exact(features.dims()) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
    }
    let count = features.count() as f64;
    Ok(sums.iter().map(|sum| (sum / count) as f32).collect())
}

/// Rows around the centre, and their squared lengths.
struct Block {
    first: usize,
    rows: Tensor,
    squares: Vec<f32>,
}

fn blocks<'a>(
    features: &'a Features,
    centre: &'a [f32],
) -> impl Iterator<Item = Result<Block, MetricError>> + 'a {
    features.blocks().map(move |block| {
        let (first, rows) = block?;
        let dims = centre.len();
        let rows: Vec<f32> = rows
            .chunks_exact(dims)
            .flat_map(|row| row.iter().zip(centre).map(|(x, centre)| x - centre))
            .collect();
        let squares: Vec<f32> = rows
            .chunks_exact(dims)
            .map(|row| row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() as f32)
            .collect();
        let rows = Tensor::from_vec(rows, (squares.len(), dims), &Device::Cpu)?;
        Ok(Block { first, rows, squares })
    })
}

/// Squared distances of all rows of `a` to all of `b`, row by row.
fn distances(a: &Block, b: &Block) -> Result<Vec<Vec<f32>>, MetricError> {
    let mut products = linear(&a.rows, &b.rows, -2.0)?.to_vec2::<f32>()?;
    products.par_iter_mut().zip(&a.squares).for_each(|(row, own)| {
        for (value, other) in row.iter_mut().zip(&b.squares) {
            *value = (*value + own + other).max(0.0);
        }
    });
    Ok(products)
}

/// Each row's squared distance to its k-th nearest neighbour.
fn radii(
    features: &Features,
    centre: &[f32],
    k: usize,
    watch: &dyn Watch,
) -> Result<Vec<f32>, MetricError> {
    let mut radii = Vec::with_capacity(features.count());
    for block in blocks(features, centre) {
        let block = block?;
        stop(watch, block.first, features.count())?;
        let mut nearest = vec![vec![f32::INFINITY; k]; block.squares.len()];
        for other in blocks(features, centre) {
            let other = other?;
            let distances = distances(&block, &other)?;
            nearest.par_iter_mut().zip(&distances).enumerate().for_each(|(row, (nearest, all))| {
                for (column, &distance) in all.iter().enumerate() {
                    let own = block.first + row == other.first + column;
                    if !own && nearest.last().is_some_and(|last| distance < *last) {
                        let at = nearest.partition_point(|value| *value <= distance);
                        nearest.pop();
                        nearest.insert(at, distance);
                    }
                }
            });
        }
        radii.extend(nearest.iter().filter_map(|nearest| nearest.last()));
    }
    Ok(radii)
}

/// For each sample 1 if it lies in a ball of the manifold, else 0.
fn inside(
    samples: &Features,
    manifold: &Features,
    radii: &[f32],
    centre: &[f32],
    watch: &dyn Watch,
) -> Result<Vec<f64>, MetricError> {
    let mut inside = Vec::with_capacity(samples.count());
    for block in blocks(samples, centre) {
        let block = block?;
        stop(watch, block.first, samples.count())?;
        let mut found = vec![false; block.squares.len()];
        for other in blocks(manifold, centre) {
            let other = other?;
            let distances = distances(&block, &other)?;
            let radii = &radii[other.first..other.first + other.squares.len()];
            found.par_iter_mut().zip(&distances).for_each(|(found, all)| {
                *found =
                    *found || all.iter().zip(radii).any(|(distance, radius)| distance <= radius);
            });
        }
        inside.extend(found.iter().map(|&found| f64::from(u8::from(found))));
    }
    Ok(inside)
}

fn stop(watch: &dyn Watch, done: usize, total: usize) -> Result<(), MetricError> {
    watch.reached("neighbourhoods", done, total);
    if watch.stop() {
        return Err(MetricError::Stopped { what: "neighbourhoods", done, total });
    }
    Ok(())
}
