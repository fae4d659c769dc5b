//! One step of the loop: discriminator, moving average, generator, in the official order.

use candle_core::{Result, Tensor};
use stylegan::updated_average;
use stylegan_dataset::Batch;
use stylegan_progressive::State;

use super::lazy::skipped;
use super::parts::{Part, by_parts};
use super::{MAX_ROLLBACKS, TrainError, Training};
use crate::augment::Augment;
use crate::average;
use crate::config::AugmentMode;
use crate::draws::Half;
use crate::events::{Event, Observer, Progress};
use crate::gradients::Gradients;
use crate::reals;
use crate::step::{StepPosition, StepSettings};

/// Means over the parts of a batch.
#[derive(Default)]
pub(super) struct Means {
    generator_loss: f64,
    discriminator_loss: f64,
    real_score: f64,
    real_sign: f64,
    fake_score: f64,
    pub(super) penalty: f64,
}

impl Training {
    /// Trains both networks on one batch; `None` where the run went back to a snapshot instead.
    pub(super) fn iteration(
        &mut self,
        state: &State,
        observer: &mut dyn Observer,
    ) -> std::result::Result<Option<Progress>, TrainError> {
        // A set that stores the level is read at that level.
        let halvings = state.lod.floor() as usize;
        let batch = self.loader.next_batch_at(state.minibatch, halvings)?;
        let parts = self.config.parts(state.resolution, state.minibatch);
        let settings = self.settings();
        let mut means = Means::default();

        let gradients = self.discriminator_half(&settings, &batch, &parts, state, &mut means)?;
        let outcome = self.discriminator_optimizer.step(
            &self.networks.discriminator_parameters,
            &gradients,
            state.learning_rate * self.config.lazy_correction(Half::Discriminator),
        )?;
        drop(gradients);
        let mut first = skipped(outcome);
        first = first.or(self.lazy_discriminator(&batch, &parts, state, &mut means)?);
        let decay = self.config.average_decay(state.minibatch, self.position.images);
        let networks = &self.networks;
        average::update(&networks.average_parameters, &networks.generator_parameters, decay)?;

        let gradients = self.generator_half(&settings, &batch, &parts, state, &mut means)?;
        let outcome = self.generator_optimizer.step(
            &self.networks.generator_parameters,
            &gradients,
            state.learning_rate * self.config.lazy_correction(Half::Generator),
        )?;
        drop(gradients);
        let second = skipped(outcome).or(self.lazy_generator(&batch, &parts, state)?);
        self.position.step += 1;
        self.position.images += state.minibatch as u64;
        self.adapt(means.real_sign, state.minibatch);
        if self.count_skips(first.or(second), observer)? {
            return Ok(None);
        }
        Ok(Some(Progress {
            images: self.position.images,
            total: self.config.total_images(),
            lod: state.lod,
            resolution: state.resolution,
            minibatch: state.minibatch,
            learning_rate: state.learning_rate,
            generator_loss: means.generator_loss,
            discriminator_loss: means.discriminator_loss,
            real_score: means.real_score,
            fake_score: means.fake_score,
            penalty: means.penalty,
            path_length: f64::from(self.position.path_length_mean),
            augment_p: self.augmentation_probability(),
            r_t: means.real_sign,
            skipped: self.position.skipped,
            images_per_second: 0.0,
            seconds: 0.0,
            eta_seconds: None,
        }))
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
        }
    }

    /// The augmentation of this step.
    fn augment(&self) -> Augment {
        self.config.augment.at(self.augmentation_probability())
    }

    /// The probability of each transformation of the pipeline in this step; 0 without it.
    fn augmentation_probability(&self) -> f64 {
        match self.config.augment.mode {
            AugmentMode::None | AugmentMode::Diffaugment => 0.0,
            AugmentMode::Fixed => self.config.augment.p,
            AugmentMode::Ada => self.position.augment.p,
        }
    }

    /// Lets the probability follow the mean sign of a step's `images` real scores.
    fn adapt(&mut self, real_sign: f64, images: usize) {
        if self.config.augment.mode == AugmentMode::Ada {
            self.position.augment.count(real_sign, images as u64);
            self.position.augment.adjust(&self.config.augment.heuristic(), self.position.step);
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
        parts: &[usize],
        state: &State,
        means: &mut Means,
    ) -> std::result::Result<Gradients, TrainError> {
        let reals = self.reals(batch, state)?;
        let (mut gradients, mut ws) = (Gradients::default(), Vec::new());
        let (networks, step) = (&self.networks, self.position.step);
        let labels = self.labels(batch)?;
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            let reals = reals.narrow(0, part.start, part.size)?;
            settings.discriminator(networks, &reals, of_part(&labels, part)?.as_ref(), at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            gradients.accumulate(step.gradients, part.weight)?;
            means.discriminator_loss += step.loss * part.weight;
            means.real_score += step.real_score * part.weight;
            means.real_sign += step.real_sign * part.weight;
            means.fake_score += step.fake_score * part.weight;
            means.penalty += step.penalty * part.weight;
            ws.push(step.w);
            Ok(())
        })?;
        self.update_w_average(&ws)?;
        Ok(gradients)
    }

    fn generator_half(
        &self,
        settings: &StepSettings,
        batch: &Batch,
        parts: &[usize],
        state: &State,
        means: &mut Means,
    ) -> std::result::Result<Gradients, TrainError> {
        let (mut gradients, mut ws) = (Gradients::default(), Vec::new());
        let (networks, step) = (&self.networks, self.position.step);
        let labels = self.labels(batch)?;
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            settings.generator(networks, part.size, of_part(&labels, part)?.as_ref(), at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            gradients.accumulate(step.gradients, part.weight)?;
            means.generator_loss += step.loss * part.weight;
            ws.push(step.w);
            Ok(())
        })?;
        self.update_w_average(&ws)?;
        Ok(gradients)
    }

    /// Moves the average of w, as every training pass of the generator does.
    pub(super) fn update_w_average(&self, ws: &[Tensor]) -> Result<()> {
        let Some(w_avg) = self.networks.generator_parameters.get("w_avg") else { return Ok(()) };
        let decay = self.config.generator.w_average_decay;
        let updated = updated_average(&w_avg.as_detached_tensor(), &Tensor::cat(ws, 0)?, decay)?;
        // A batch that is not finite would stay in the average for good.
        let sum =
            updated.sqr()?.sum_all()?.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?;
        if sum.is_finite() { w_avg.set(&updated) } else { Ok(()) }
    }

    /// The labels of a batch, which generated images share; none without labels.
    pub(super) fn labels(&self, batch: &Batch) -> Result<Option<Tensor>> {
        let dim = self.label_dim;
        if dim == 0 {
            return Ok(None);
        }
        Tensor::from_vec(batch.labels.clone(), (batch.n, dim), &self.device).map(Some)
    }

    /// Counts a step that was skipped; after too many in a row, goes back to the last snapshot
    /// and says so with `true`.
    fn count_skips(
        &mut self,
        parameter: Option<String>,
        observer: &mut dyn Observer,
    ) -> std::result::Result<bool, TrainError> {
        let Some(parameter) = parameter else {
            self.position.skipped_in_a_row = 0;
            return Ok(false);
        };
        self.position.skipped += 1;
        self.position.skipped_in_a_row += 1;
        let (images, in_a_row) = (self.position.images, self.position.skipped_in_a_row);
        self.tell(observer, Event::Skipped { images, parameter, in_a_row })?;
        if in_a_row < self.config.run.rollback_after.max(1) {
            return Ok(false);
        }
        if self.position.rollbacks_in_a_row >= MAX_ROLLBACKS {
            return Err(TrainError::Diverged { images });
        }
        self.roll_back()?;
        self.tell(observer, Event::RolledBack { from: images, to: self.position.images })?;
        Ok(true)
    }
}

/// The labels of a part of a batch.
pub(super) fn of_part(labels: &Option<Tensor>, part: Part) -> Result<Option<Tensor>> {
    labels.as_ref().map(|labels| labels.narrow(0, part.start, part.size)).transpose()
}
