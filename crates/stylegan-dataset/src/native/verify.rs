//! Whether a prepared set is what was written.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Native;
use crate::dataset::Progress;

/// What is wrong with a set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    /// Pictures whose pixels, label or name are not what was written: number and name.
    pub images: Vec<(usize, String)>,
    /// Whether the list of checksums itself is not what was written.
    pub digests: bool,
}

impl Damage {
    /// Whether nothing is wrong.
    pub fn is_none(&self) -> bool {
        self.images.is_empty() && !self.digests
    }
}

impl Native {
    /// Computes every checksum again and compares.
    pub fn verify(&self, progress: &(dyn Fn(Progress) + Sync)) -> Damage {
        let total = self.header().images;
        let done = AtomicUsize::new(0);
        let damaged = |index: &usize| {
            let differs = self.digest(*index) != *self.stored_digest(*index);
            progress(Progress { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
            differs
        };
        let images = (0..total).into_par_iter().filter(damaged).collect::<Vec<_>>();
        let images = images.into_iter().map(|index| (index, self.name(index))).collect();
        let digests = content(self.inner.digests.bytes()) != self.header().content;
        Damage { images, digests }
    }
}

/// The hash of a whole set, from the digests of its pictures.
pub(crate) fn content(digests: &[u8]) -> String {
    Sha256::digest(digests).iter().map(|byte| format!("{byte:02x}")).collect()
}
