//! Looking at what a run has learnt: numbers and pictures of images that are not trained on.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use stylegan_dataset::Dataset;
use stylegan_ops::in_pool;
use stylegan_psp::{InputDraws, Loss, Mode};

use super::training::PspTraining;
use super::{PspEvent, PspObserver, PspProgress, PspTrainError, pictures};
use crate::grid::Grid;
use crate::reals;

impl PspTraining {
    /// Measures and shows images that are not trained on.
    pub(super) fn look(&mut self, observer: &mut dyn PspObserver) -> Result<(), PspTrainError> {
        let Some((progress, grid)) = self.measure()? else { return Ok(()) };
        let path = self.run.file(&format!("strip-{:06}.png", self.position.step));
        grid.write(&path)?;
        self.stats.append(&progress)?;
        self.tell(observer, PspEvent::Measured(progress));
        self.tell(observer, PspEvent::Picture(path));
        Ok(())
    }

    /// The terms over the images that are not trained on, in evaluation mode, and a strip of the first.
    fn measure(&self) -> Result<Option<(PspProgress, Grid)>, PspTrainError> {
        let count = self.held_out.len();
        let mut sum = Sum::default();
        let mut strip = None;
        for start in (0..count).step_by(self.config.batch) {
            let indices: Vec<usize> = (start..(start + self.config.batch).min(count)).collect();
            let mut bytes = Vec::new();
            for &index in &indices {
                bytes.extend_from_slice(&self.held_out.get(index)?.image.data);
            }
            let (channels, side) = (self.held_out.channels(), self.image_size);
            let shape = (indices.len(), channels, side, side);
            let target = reals::process(&bytes, shape, 0, 0.0, &self.device)?;
            let all: Vec<usize> = indices.iter().map(|i| self.first_held_out + i).collect();
            // The same draws every time, so that measurements can be compared.
            let draws = InputDraws { seed: !self.config.seed, step: start as u64 };
            let pair = self.pair(target, &all, &[], draws)?;
            let input = self.fitted(&pair.input)?;
            let (codes, output) = in_pool(|| self.forward(&input, Mode::Evaluation))?;
            let (codes, output) = (codes.detach(), output.detach());
            let loss = self.judged(&output, &codes, &pair.target)?;
            sum.add_weighted(&self.progress(&loss)?, indices.len() as f64);
            if start == 0 {
                strip =
                    Some(pictures::strip(self.config.task, &pair.input, &output, &pair.target)?);
            }
        }
        Ok(sum.take().zip(strip))
    }

    fn progress(&self, loss: &Loss) -> Result<PspProgress, PspTrainError> {
        Ok(PspProgress {
            images: self.images(),
            step: self.position.step,
            steps: self.config.steps,
            held_out: true,
            loss: f64::from(loss.total.to_dtype(DType::F32)?.to_scalar::<f32>()?),
            terms: loss.terms.clone(),
            learning_rate: 0.0,
            images_per_second: 0.0,
            seconds: self.position.seconds,
            eta_seconds: None,
        })
    }

    /// A batch of images for teaching, without a place in the run.
    pub(super) fn teaching_batch(&self, step: u64, size: usize) -> Result<Tensor, PspTrainError> {
        let dataset = self.loader.dataset();
        let order = stylegan_dataset::loader::Order::new(!self.config.seed, dataset.len());
        let mut bytes = Vec::new();
        for at in 0..size as u64 {
            let index = order.index(step * size as u64 + at);
            bytes.extend_from_slice(&dataset.get(index)?.image.data);
        }
        let shape = (size, dataset.channels(), self.image_size, self.image_size);
        Ok(reals::process(&bytes, shape, 0, 0.0, &self.device)?)
    }
}

/// Sums of numbers, for their means.
#[derive(Default)]
pub(super) struct Sum {
    last: Option<PspProgress>,
    loss: f64,
    terms: BTreeMap<&'static str, f64>,
    weight: f64,
}

impl Sum {
    pub(super) fn add(&mut self, progress: &PspProgress) {
        self.add_weighted(progress, 1.0);
    }

    fn add_weighted(&mut self, progress: &PspProgress, weight: f64) {
        self.weight += weight;
        self.loss += weight * progress.loss;
        for (name, term) in &progress.terms {
            *self.terms.entry(name).or_default() += weight * term;
        }
        self.last = Some(progress.clone());
    }

    /// The means since the last time; `None` without any.
    pub(super) fn take(&mut self) -> Option<PspProgress> {
        let Self { last, loss, terms, weight } = std::mem::take(self);
        let terms = terms.into_iter().map(|(name, sum)| (name, sum / weight)).collect();
        last.map(|last| PspProgress { loss: loss / weight, terms, ..last })
    }
}
