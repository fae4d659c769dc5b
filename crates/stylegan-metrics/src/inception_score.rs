//! The inception score (Salimans et al. 2016, "Improved Techniques for Training GANs", section 4).

use candle_core::{Device, Tensor};

use crate::bootstrap::{self, Interval};
use crate::features::{BLOCK, Features};
use crate::{MetricError, Watch};

/// The mean of the splits' scores, and their spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InceptionScore {
    /// The mean.
    pub value: f64,
    /// The standard deviation of the splits' scores (1 / splits), which papers print beside it.
    pub deviation: f64,
    /// The interval of the mean over the splits.
    pub interval: Option<Interval>,
}

/// `exp(mean KL(p(y|x) | p(y)))` in each of `splits` equal parts of the samples, in the mean.
///
/// `probabilities` makes class probabilities [N, K] of features [N, D].
///
/// # Errors
/// [`MetricError::TooFew`] for fewer samples than splits; those of `probabilities`.
pub fn inception_score(
    features: &Features,
    splits: usize,
    seed: u64,
    probabilities: &dyn Fn(&Tensor) -> Result<Tensor, MetricError>,
    watch: &dyn Watch,
) -> Result<InceptionScore, MetricError> {
    let (count, splits) = (features.count(), splits.max(1));
    if count < splits {
        let (metric, what) = ("the inception score", "images");
        return Err(MetricError::TooFew { metric, what, needed: splits, found: count });
    }
    let mut scores = Vec::with_capacity(splits);
    for split in 0..splits {
        if watch.stop() {
            return Err(MetricError::Stopped { what: "splits", done: split, total: splits });
        }
        let range = split * count / splits..(split + 1) * count / splits;
        // KL(p | q) summed = sum p log p - N sum q log q, with q the mean of p.
        let (mut entropy, mut sums) = (0f64, Vec::new());
        for part in crate::batches(range.len(), BLOCK) {
            let rows = features.block(range.start + part.start..range.start + part.end)?;
            let shape = (part.len(), features.dims());
            let rows = Tensor::from_slice(&rows, shape, &Device::Cpu)?;
            for row in probabilities(&rows)?.to_vec2::<f32>()? {
                sums.resize(row.len(), 0f64);
                for (sum, p) in sums.iter_mut().zip(&row) {
                    let p = f64::from(*p);
                    *sum += p;
                    entropy += if p > 0.0 { p * p.ln() } else { 0.0 };
                }
            }
        }
        let n = range.len() as f64;
        let of_mean: f64 =
            sums.iter().map(|sum| sum / n).filter(|q| *q > 0.0).map(|q| q * q.ln()).sum();
        scores.push((entropy / n - of_mean).exp());
    }
    let n = scores.len() as f64;
    let value = scores.iter().sum::<f64>() / n;
    let deviation = (scores.iter().map(|score| (score - value).powi(2)).sum::<f64>() / n).sqrt();
    Ok(InceptionScore { value, deviation, interval: bootstrap::of_mean(&scores, seed) })
}
