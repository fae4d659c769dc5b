//! Whether classifiers of attributes say the same of both pictures of a pair.

use std::path::Path;

use candle_core::Tensor;
use stylegan_metrics::{MetricResult, NetworkId, bootstrap};
use stylegan_trainer::classifier::ClassifierSet;

use crate::commands::train_classifiers;
use crate::device;
use crate::failure::{Failure, OrFail};

/// The classifiers, and what they have said.
pub(super) struct Agreement {
    set: ClassifierSet,
    /// Of each pair, the attributes that are told alike.
    pairs: Vec<Vec<bool>>,
}

impl Agreement {
    /// Opens the classifiers of a folder.
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let set =
            ClassifierSet::open(folder, device::chosen()).map_err(train_classifiers::failure)?;
        Ok(Self { set, pairs: Vec::new() })
    }

    /// Judges images `[N, C, H, W]` in [-1, 1] beside as many others.
    pub(super) fn add(&mut self, a: &Tensor, b: &Tensor) -> Result<(), Failure> {
        let scores = |images: &Tensor| {
            self.set.scores(images).or_user().map_err(|failure| {
                failure
                    .hint("`cargo xtask train-classifiers` makes classifiers of the pictures' size")
            })
        };
        let (of_a, of_b) = (scores(a)?, scores(b)?);
        let alike = |(a, b): (&f32, &f32)| (*a > 0.0) == (*b > 0.0);
        let alike: Vec<bool> = of_a.iter().zip(&of_b).map(alike).collect();
        self.pairs.extend(alike.chunks(self.set.len()).map(<[bool]>::to_vec));
        Ok(())
    }

    /// The share of attributes that are told alike, in the mean over the pairs.
    pub(super) fn result(&self, seed: u64) -> MetricResult {
        let share = |alike: &[bool]| {
            alike.iter().filter(|alike| **alike).count() as f64 / alike.len().max(1) as f64
        };
        let shares: Vec<f64> = self.pairs.iter().map(|pair| share(pair)).collect();
        let value = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        let protocol = format!("{} attributes told alike by their classifiers", self.set.len());
        let mut result = MetricResult::new("agreement", protocol, value, shares.len(), seed)
            .with_interval(bootstrap::of_mean(&shares, seed));
        for (column, classifier) in self.set.iter().enumerate() {
            let name = classifier.about.attribute.clone();
            let column: Vec<bool> = self.pairs.iter().map(|pair| pair[column]).collect();
            let checksum = classifier.checksum.clone();
            result = result.with_detail(name.clone(), share(&column)).with_network(NetworkId {
                name,
                checksum,
                random: None,
            });
        }
        result
    }
}
