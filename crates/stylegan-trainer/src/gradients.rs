//! Gradients by parameter.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor};
use stylegan::Parameters;

/// The gradients of a network's parameters, by name. Parameters that a loss does not reach (the
/// blocks above the level of detail) are absent.
#[derive(Debug, Clone, Default)]
pub struct Gradients(BTreeMap<String, Tensor>);

impl FromIterator<(String, Tensor)> for Gradients {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

impl IntoIterator for Gradients {
    type Item = (String, Tensor);
    type IntoIter = std::collections::btree_map::IntoIter<String, Tensor>;

    /// In the order of the parameters' names.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Gradients {
    /// Picks the gradients of `parameters` out of what a backward pass computed.
    pub fn of(parameters: &Parameters, mut store: GradStore) -> Self {
        let found = parameters
            .trainable()
            .into_iter()
            .filter_map(|(name, var)| store.remove(&var).map(|gradient| (name, gradient)));
        Self(found.collect())
    }

    /// As [`Self::of`], for two networks that one backward pass went through.
    pub fn of_both(first: &Parameters, second: &Parameters, mut store: GradStore) -> (Self, Self) {
        let mut take = |parameters: &Parameters| {
            let found = parameters.trainable().into_iter();
            Self(found.filter_map(|(name, var)| Some((name, store.remove(&var)?))).collect())
        };
        let first = take(first);
        (first, take(second))
    }

    /// The gradient of one parameter.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// All gradients, in the order of the parameters' names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, gradient)| (name.as_str(), gradient))
    }

    /// Adds `other * weight`, for batches that are computed in parts.
    pub fn accumulate(&mut self, other: Self, weight: f64) -> Result<()> {
        for (name, gradient) in other.0 {
            let weighted = if weight == 1.0 { gradient } else { gradient.affine(weight, 0.0)? };
            let sum = match self.0.remove(&name) {
                Some(sum) => (sum + weighted)?,
                None => weighted,
            };
            self.0.insert(name, sum);
        }
        Ok(())
    }
}
