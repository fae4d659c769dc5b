//! One step of the loop: discriminator, moving average, generator, in the official order.

use candle_core::{Result, Tensor};
use stylegan::updated_average;
use stylegan_dataset::Batch;
use stylegan_progressive::State;

use super::figures::{Figures, if_finite};
use super::found::Found;
use super::parts::{Part, by_parts, parts};
use super::pending::Pending;
use super::{TrainError, Training};
use crate::augment::Augment;
use crate::average;
use crate::config::AugmentMode;
use crate::draws::Half;
use crate::events::Progress;
use crate::gradients::Gradients;
use crate::optimizer::Queued;
use crate::reals;
use crate::step::{StepPosition, StepSettings};

impl Training {
    /// Trains both networks on one batch. What the step found is read later: [`Self::settle`].
    pub(super) fn iteration(&mut self, state: &State) -> std::result::Result<(), TrainError> {
        // A set that stores the level is read at that level.
        let halvings = state.lod.floor() as usize;
        let batch = self.loader.next_batch_at(state.minibatch, halvings)?;
        let sizes = self.config.parts(state.resolution, state.minibatch / self.group.size());
        let parts = parts(&sizes, &self.group);
        let settings = self.settings();
        let mut figures = Figures::default();
        let mut queued = Vec::new();

        let gradients = self.discriminator_half(&settings, &batch, &parts, state, &mut figures)?;
        queued.push(self.update(Half::Discriminator, gradients, state)?);
        queued.extend(self.lazy_discriminator(&batch, &parts, state, &mut figures)?);
        let decay = self.config.average_decay(state.minibatch, self.position.images);
        let networks = &self.networks;
        average::update(&networks.average_parameters, &networks.generator_parameters, decay)?;

        let gradients = self.generator_half(&settings, &batch, &parts, state, &mut figures)?;
        queued.push(self.update(Half::Generator, gradients, state)?);
        queued.extend(self.lazy_generator(&batch, &parts, state)?);
        self.position.step += 1;
        self.position.images += state.minibatch as u64;
        let skipped = queued.iter().filter_map(|(_, queued)| match queued {
            Queued::Known(_) => None,
            Queued::OnGpu(step) => Some(step.skipped()),
        });
        let skipped = skipped.collect::<Result<Vec<_>>>()?;
        let unread = figures.read(&self.path_length_mean, &skipped, &self.device)?;
        let progress = self.progress(state);
        self.pending.push_back(Pending { step: self.position.step, progress, queued, unread });
        Ok(())
    }

    /// Queues an optimizer's step.
    pub(super) fn update(
        &mut self,
        half: Half,
        gradients: Gradients,
        state: &State,
    ) -> Result<(Half, Queued)> {
        let rate = state.learning_rate * self.config.lazy_correction(half);
        let networks = &self.networks;
        let queued = match half {
            Half::Discriminator => self.discriminator_optimizer.queue(
                &networks.discriminator_parameters,
                &gradients,
                rate,
            ),
            Half::Generator => {
                self.generator_optimizer.queue(&networks.generator_parameters, &gradients, rate)
            }
        };
        Ok((half, queued?))
    }

    /// What is known of a step before its numbers are read.
    fn progress(&self, state: &State) -> Progress {
        Progress {
            images: self.position.images,
            total: self.config.total_images(),
            lod: state.lod,
            resolution: state.resolution,
            minibatch: state.minibatch,
            learning_rate: state.learning_rate,
            loss_scale: self.loss_scale(),
            ..Progress::default()
        }
    }

    /// What a step computes; lazy penalties are not part of it.
    pub(super) fn settings(&self) -> StepSettings {
        let lazy = self.config.loss.lazy;
        let penalties = (!lazy).then(|| self.config.penalties(self.position.step));
        let (r1_gamma, r2_gamma) = penalties.unwrap_or_default();
        StepSettings {
            generator_loss: self.config.loss.generator,
            discriminator_loss: self.config.discriminator_loss(),
            class: self.config.class_term(),
            r1_gamma,
            r2_gamma,
            mixing_probability: self.config.generator.mixing_probability,
            noise: self.config.generator.training_noise.kind(),
            augment: self.augment(),
            seed: self.position.seed(self.config.run.seed),
            loss_scale: self.loss_scale().unwrap_or(1.0),
        }
    }

    /// The augmentation of this step.
    fn augment(&self) -> Augment {
        self.config.augment.at(self.augmentation_probability())
    }

    /// The probability of each transformation of the pipeline in this step; 0 without it.
    pub(super) fn augmentation_probability(&self) -> f64 {
        match self.config.augment.mode {
            AugmentMode::None | AugmentMode::Diffaugment => 0.0,
            AugmentMode::Fixed => self.config.augment.p,
            AugmentMode::Ada => self.position.augment.p,
        }
    }

    /// A batch's images as the discriminator sees them.
    pub(super) fn reals(&self, batch: &Batch, state: &State) -> Result<Tensor> {
        let halvings = state.lod.floor() as usize - batch.level;
        let shape = (batch.n, batch.channels, batch.height, batch.width);
        reals::process(&batch.images, shape, halvings, state.lod.fract(), &self.device)
    }

    /// Parts of a batch that are computed side by side: one on a GPU, which has one stream of work.
    pub(super) fn parts_at_once(&self) -> usize {
        if self.device.is_cpu() { self.config.schedule.parts_at_once } else { 1 }
    }

    fn discriminator_half(
        &self,
        settings: &StepSettings,
        batch: &Batch,
        parts: &[Part],
        state: &State,
        figures: &mut Figures,
    ) -> std::result::Result<Gradients, TrainError> {
        let reals = self.reals(batch, state)?;
        let mut found = Found::default();
        let (networks, step) = (&self.networks, self.position.step);
        let labels = self.labels(batch)?;
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            let reals = reals.narrow(0, part.start, part.size)?;
            settings.discriminator(networks, &reals, of_part(&labels, part)?.as_ref(), at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            let numbers = [
                &step.loss,
                &step.real_score,
                &step.real_sign,
                &step.fake_score,
                &step.penalty,
                &step.diversity,
            ];
            found.add(part, step.gradients, Some(step.w), &numbers)
        })?;
        let joined = found.join(&self.group, &self.device)?;
        self.update_w_average(joined.w)?;
        figures.discriminator = Some(joined.numbers);
        Ok(joined.gradients)
    }

    fn generator_half(
        &self,
        settings: &StepSettings,
        batch: &Batch,
        parts: &[Part],
        state: &State,
        figures: &mut Figures,
    ) -> std::result::Result<Gradients, TrainError> {
        let reals = self.reals(batch, state)?;
        let mut found = Found::default();
        let (networks, step) = (&self.networks, self.position.step);
        let labels = self.labels(batch)?;
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            let reals = reals.narrow(0, part.start, part.size)?;
            settings.generator(networks, &reals, of_part(&labels, part)?.as_ref(), at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            found.add(part, step.gradients, Some(step.w), &[&step.loss])
        })?;
        found.asked_to_stop = self.asked_to_stop;
        let joined = found.join(&self.group, &self.device)?;
        self.update_w_average(joined.w)?;
        figures.generator = Some(joined.numbers);
        figures.stops = joined.stops;
        Ok(joined.gradients)
    }

    /// Moves the average of w, as every training pass of the generator does.
    pub(super) fn update_w_average(&self, w: Option<Tensor>) -> Result<()> {
        let w_avg = self.networks.generator_parameters.get("w_avg");
        let (Some(w_avg), Some(w)) = (w_avg, w) else { return Ok(()) };
        let decay = self.config.generator.w_average_decay;
        let before = w_avg.as_detached_tensor();
        let updated = updated_average(&before, &w, decay)?;
        w_avg.set(&if_finite(&updated, &before)?)
    }

    /// The labels of a batch, which generated images share; none without labels.
    pub(super) fn labels(&self, batch: &Batch) -> Result<Option<Tensor>> {
        let dim = self.label_dim;
        if dim == 0 {
            return Ok(None);
        }
        Tensor::from_vec(batch.labels.clone(), (batch.n, dim), &self.device).map(Some)
    }
}

/// The labels of a part of a batch.
pub(super) fn of_part(labels: &Option<Tensor>, part: Part) -> Result<Option<Tensor>> {
    labels.as_ref().map(|labels| labels.narrow(0, part.start, part.size)).transpose()
}
