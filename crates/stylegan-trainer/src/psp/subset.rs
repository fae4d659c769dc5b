//! A part of a data set.

use std::ops::Range;
use std::sync::Arc;

use stylegan_dataset::{Dataset, DatasetError, Sample};

/// The pictures of a range of numbers.
pub struct Subset {
    inner: Arc<dyn Dataset>,
    range: Range<usize>,
}

impl Subset {
    /// Those of `range`, cut to what there is.
    pub fn new(inner: Arc<dyn Dataset>, range: Range<usize>) -> Self {
        let end = range.end.min(inner.len());
        Self { range: range.start.min(end)..end, inner }
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.range.len()
    }

    fn resolution(&self) -> (usize, usize) {
        self.inner.resolution()
    }

    fn channels(&self) -> usize {
        self.inner.channels()
    }

    fn label_dim(&self) -> usize {
        self.inner.label_dim()
    }

    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        if index >= self.len() {
            return Err(DatasetError::Index { index, len: self.len() });
        }
        self.inner.get(self.range.start + index)
    }

    fn fingerprint(&self) -> String {
        format!("{}[{}..{}]", self.inner.fingerprint(), self.range.start, self.range.end)
    }

    fn describe(&self) -> String {
        format!("{} of {}", self.len(), self.inner.describe())
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}
