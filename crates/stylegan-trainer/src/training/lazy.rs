//! The optimizer steps of lazy regularisation, between those of the losses.

use candle_core::Tensor;
use stylegan_dataset::Batch;
use stylegan_progressive::State;

use super::iteration::{Means, of_part};
use super::parts::{Part, by_parts};
use super::{TrainError, Training};
use crate::draws::Half;
use crate::gradients::Gradients;
use crate::optimizer::StepOutcome;
use crate::step::{StepPosition, StepSettings};

impl Training {
    /// R1 and R2 in a step of their own, where this step has them; the name of a parameter whose gradient is not finite.
    pub(super) fn lazy_discriminator(
        &mut self,
        batch: &Batch,
        parts: &[usize],
        state: &State,
        means: &mut Means,
    ) -> Result<Option<String>, TrainError> {
        let (r1_gamma, r2_gamma) = self.config.penalties(self.position.step);
        if !self.config.loss.lazy || (r1_gamma, r2_gamma) == (0.0, 0.0) {
            return Ok(None);
        }
        let settings = StepSettings { r1_gamma, r2_gamma, ..self.settings() };
        let reals = self.reals(batch, state)?;
        let labels = self.labels(batch)?;
        let (networks, step) = (&self.networks, self.position.step);
        let mut gradients = Gradients::default();
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            let reals = reals.narrow(0, part.start, part.size)?;
            settings.penalties(networks, &reals, of_part(&labels, part)?.as_ref(), at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            means.penalty += step.penalty * part.weight;
            gradients.accumulate(step.gradients, part.weight)
        })?;
        let rate = state.learning_rate * self.config.lazy_correction(Half::Discriminator);
        let parameters = &self.networks.discriminator_parameters;
        Ok(skipped(self.discriminator_optimizer.step(parameters, &gradients, rate)?))
    }

    /// Path length regularisation in a step of its own, where this step has it; the name of a parameter whose gradient is not
    /// finite.
    pub(super) fn lazy_generator(
        &mut self,
        batch: &Batch,
        parts: &[usize],
        state: &State,
    ) -> Result<Option<String>, TrainError> {
        let Some(regularizer) = self.config.path_length(self.position.step) else {
            return Ok(None);
        };
        let settings = self.settings();
        let shrink = self.config.loss.path_length_shrink.max(1);
        let (mut gradients, mut ws) = (Gradients::default(), Vec::<Tensor>::new());
        let labels = self.labels(batch)?;
        // One after another: each part moves the mean that the next is measured with.
        let mut start = 0;
        for (part, &size) in parts.iter().enumerate() {
            let at = StepPosition { step: self.position.step, part, lod: state.lod };
            let n = (size / shrink).max(1);
            let labels = labels.as_ref().map(|labels| labels.narrow(0, start, n)).transpose()?;
            let (networks, mean) = (&self.networks, self.position.path_length_mean);
            let step = settings.path_length(networks, n, labels.as_ref(), regularizer, mean, at)?;
            gradients.accumulate(step.gradients, size as f64 / batch.n as f64)?;
            // A mean that is not finite would stay so for good.
            if step.mean.is_finite() {
                self.position.path_length_mean = step.mean;
            }
            ws.push(step.w);
            start += size;
        }
        self.update_w_average(&ws)?;
        let rate = state.learning_rate * self.config.lazy_correction(Half::Generator);
        let parameters = &self.networks.generator_parameters;
        Ok(skipped(self.generator_optimizer.step(parameters, &gradients, rate)?))
    }
}

pub(super) fn skipped(outcome: StepOutcome) -> Option<String> {
    match outcome {
        StepOutcome::Updated => None,
        StepOutcome::Skipped { parameter } => Some(parameter),
    }
}
