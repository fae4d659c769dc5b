//! The whole metric in one latent space.

use candle_core::{Result, Tensor};

use super::distances::extreme_distances;
use super::entropy::{Table, score_with_interval, separability_score, tables};
use super::lda::linear_discriminants;
use super::svm::{Separator, SvmSettings, linear_svm};
use super::targets::Targets;
use crate::Interval;

/// What is computed; `Default` is the official metric, with the other separator and the diagnostic beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeparabilitySettings {
    /// The machines.
    pub svm: SvmSettings,
    /// Linear discriminants too.
    pub discriminants: bool,
    /// Samples whose distances are compared; 0 for none (1000).
    pub distances: usize,
    /// The seed of the bootstrap.
    pub seed: u64,
}

impl Default for SeparabilitySettings {
    fn default() -> Self {
        Self { svm: SvmSettings::default(), discriminants: true, distances: 1000, seed: 0 }
    }
}

/// What was found of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeSeparability {
    /// The support vector machine's plane.
    pub plane: Separator,
    /// Its sides against the classifier's.
    pub table: Table,
    /// Those of the linear discriminant.
    pub discriminant: Option<Table>,
    /// Dunn's index.
    pub distance_ratio: Option<f64>,
}

/// Linear separability in one space.
#[derive(Debug, Clone, PartialEq)]
pub struct Separability {
    /// The score.
    pub score: f64,
    /// Its 95 % interval by the bootstrap over samples.
    pub interval: Interval,
    /// The score with linear discriminants in the machines' place.
    pub discriminant_score: Option<f64>,
    /// The attributes, in their order.
    pub attributes: Vec<AttributeSeparability>,
}

/// Fits and counts: latents `x` `[n, dim]` float32, and who is kept for which attribute.
///
/// # Errors
/// Where they do not fit together.
pub fn evaluate(
    x: &Tensor,
    targets: &Targets,
    settings: &SeparabilitySettings,
) -> Result<Separability> {
    let planes = linear_svm(x, targets, &settings.svm)?;
    let (counted, score, interval) = score_with_interval(x, &planes, targets, settings.seed)?;
    let discriminants = if settings.discriminants {
        Some(tables(x, &linear_discriminants(x, targets)?, targets)?)
    } else {
        None
    };
    let ratios = match settings.distances {
        0 => vec![None; planes.len()],
        limit => extreme_distances(x, targets, limit)?
            .into_iter()
            .map(|extremes| extremes.map(|extremes| extremes.ratio()))
            .collect(),
    };
    let attributes = planes.into_iter().zip(&counted).zip(ratios).enumerate();
    Ok(Separability {
        score,
        interval,
        discriminant_score: discriminants.as_deref().map(separability_score),
        attributes: attributes
            .map(|(index, ((plane, &table), distance_ratio))| AttributeSeparability {
                plane,
                table,
                discriminant: discriminants.as_ref().map(|tables| tables[index]),
                distance_ratio,
            })
            .collect(),
    })
}
