//! The pictures of every batch that one of several loaders delivers.

use std::ops::Range;

/// Which part of every batch a loader delivers. Loaders of the same data set, seed and batches deliver all of it between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The number of the part, from 0.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

impl Default for Share {
    /// All of it.
    fn default() -> Self {
        Self { index: 0, of: 1 }
    }
}

impl Share {
    /// The pictures of a batch of `n`.
    pub fn range(&self, n: usize) -> Range<usize> {
        n * self.index / self.of..n * (self.index + 1) / self.of
    }

    /// What is delivered from `position` on, where batches of `n` follow each other.
    pub(super) fn sequence(&self, position: u64, n: usize) -> Sequence {
        let range = if self.of == 1 { 0..1 } else { self.range(n) };
        let batch = if self.of == 1 { 1 } else { n as u64 };
        Sequence { first: position + range.start as u64, own: range.len().max(1) as u64, batch }
    }
}

/// Positions: `own` neighbours of every `batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    first: u64,
    own: u64,
    batch: u64,
}

impl Sequence {
    /// The position of the picture that is delivered after `number` others.
    pub(super) fn position(&self, number: u64) -> u64 {
        self.first + number / self.own * self.batch + number % self.own
    }
}
