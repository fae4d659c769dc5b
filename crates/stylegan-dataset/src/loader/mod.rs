//! Batches in a shuffled order that depends on nothing but a seed and a position.

mod batch;
mod order;
mod share;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;

use stylegan_ops::random::Stream;

pub use batch::Batch;
pub use order::Order;
pub use share::Share;

use crate::dataset::Dataset;
use crate::error::DatasetError;
use share::Sequence;
use worker::Pool;

/// Purpose of the stream that decides what is mirrored.
const MIRROR: u32 = 0x4D49_5252;

/// How batches are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Decides the order of every epoch and what is mirrored; 0 by default.
    pub seed: u64,
    /// Mirror every other picture, at random; false by default.
    pub mirror: bool,
    /// Threads that prepare pictures ahead; with 0, pictures are made when they are asked for.
    /// 2 by default. What is delivered does not depend on it.
    pub workers: usize,
    /// How many pictures may be ahead, finished or in work: the bound on memory; 256 by default.
    pub prefetch: usize,
    /// The part of every batch that is delivered, where several loaders share them; all of it by default.
    pub share: Share,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self { seed: 0, mirror: false, workers: 2, prefetch: 256, share: Share::default() }
    }
}

/// Delivers the pictures of a data set epoch after epoch, each once an epoch, in an order of its
/// own each epoch.
///
/// Position p is picture p mod len of epoch p / len: any position can be gone to at once, and
/// nothing has to be saved but the number of pictures delivered.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use stylegan_dataset::{Faces, FacesConfig, Loader, LoaderConfig};
/// let faces = Faces::new(FacesConfig { count: 10, ..FacesConfig::default() })?;
/// let mut loader = Loader::new(Arc::new(faces), LoaderConfig::default())?;
/// let first = loader.next_batch(4)?;
/// loader.seek(0);
/// assert_eq!(loader.next_batch(4)?.images, first.images);
/// # Ok::<(), stylegan_dataset::DatasetError>(())
/// ```
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    config: LoaderConfig,
    order: Order,
    pool: Option<Pool>,
    position: u64,
    level: usize,
    /// What the threads prepare.
    sequence: Sequence,
    /// Pictures of the last batch, of which this is a share.
    batch: usize,
}

impl Loader {
    /// Starts at position 0. Threads start with the first batch.
    ///
    /// # Errors
    /// If the data set is empty.
    pub fn new(dataset: Arc<dyn Dataset>, config: LoaderConfig) -> Result<Self, DatasetError> {
        if dataset.is_empty() {
            return Err(DatasetError::NoImages);
        }
        let order = Order::new(config.seed, dataset.len());
        let sequence = config.share.sequence(0, 1);
        Ok(Self { dataset, config, order, pool: None, position: 0, level: 0, sequence, batch: 1 })
    }

    /// Goes to a position: how many pictures count as delivered.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        self.restart();
    }

    /// What the threads have ready is not what comes next.
    fn restart(&mut self) {
        self.sequence = self.config.share.sequence(self.position, self.batch);
        if let Some(pool) = &self.pool {
            pool.restart(self.sequence, self.level);
        }
    }

    /// How many pictures have been delivered, by all loaders that share them, counted from position 0.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// The next `n` pictures at full resolution, or this loader's share of them. The number may differ from call to call.
    ///
    /// # Errors
    /// If a picture cannot be read; the error names it. The position stays, so that another call
    /// tries again.
    pub fn next_batch(&mut self, n: usize) -> Result<Batch, DatasetError> {
        self.next_batch_at(n, 0)
    }

    /// The next `n` pictures at a level of resolution, halved so many times, or at the smallest
    /// level above it that the set stores; [`Batch::level`] says which it is. Pictures, their order
    /// and their mirroring are the same at every level.
    ///
    /// # Errors
    /// As [`Loader::next_batch`].
    pub fn next_batch_at(&mut self, n: usize, level: usize) -> Result<Batch, DatasetError> {
        let level = level.min(self.dataset.levels().saturating_sub(1));
        // With another size of batches, other pictures of what follows are this loader's share.
        let share = self.config.share;
        if level != self.level || (share.of > 1 && n != self.batch) {
            (self.level, self.batch) = (level, n);
            self.restart();
        }
        let own = share.range(n);
        let first = self.position + own.start as u64;
        let mut batch = Batch::empty(self.dataset.as_ref(), first, own.len(), level);
        let filled = self.fill(&mut batch, first, own.len());
        match filled {
            Ok(()) => {
                self.position += n as u64;
                Ok(batch)
            }
            Err(error) => {
                // The threads end here and start again with the next batch: had they gone on, they
                // could have met the same error again before the caller mended its cause.
                self.pool = None;
                self.restart();
                Err(error)
            }
        }
    }

    fn fill(&mut self, batch: &mut Batch, first: u64, n: usize) -> Result<(), DatasetError> {
        for position in (first..).take(n) {
            let index = self.order.index(position);
            let sample = match self.pool()? {
                Some(pool) => pool.take()?,
                None => self.dataset.get_at(index, self.level)?,
            };
            batch.push(self.dataset.as_ref(), index, sample, self.mirrored(position));
        }
        Ok(())
    }

    /// The threads, started when first needed; `None` if there are to be none.
    fn pool(&mut self) -> Result<Option<&Pool>, DatasetError> {
        if self.pool.is_none() && self.config.workers > 0 {
            let LoaderConfig { workers, prefetch, .. } = self.config;
            let dataset = Arc::clone(&self.dataset);
            let from = (self.sequence, self.level);
            self.pool = Some(Pool::start(dataset, self.order, workers, prefetch, from)?);
        }
        Ok(self.pool.as_ref())
    }

    fn mirrored(&self, position: u64) -> bool {
        self.config.mirror && Stream::new(self.config.seed, 0, MIRROR).bits_at(position)[0] & 1 == 1
    }
}
