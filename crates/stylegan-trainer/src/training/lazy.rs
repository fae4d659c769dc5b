//! The optimizer steps of lazy regularisation, between those of the losses.

use stylegan_dataset::Batch;
use stylegan_progressive::State;

use super::figures::{Figures, if_finite};
use super::found::Found;
use super::iteration::of_part;
use super::parts::{Part, by_parts};
use super::{TrainError, Training};
use crate::draws::Half;
use crate::optimizer::Queued;
use crate::step::{StepPosition, StepSettings};

impl Training {
    /// R1 and R2 in a step of their own, where this step has them.
    pub(super) fn lazy_discriminator(
        &mut self,
        batch: &Batch,
        parts: &[Part],
        state: &State,
        figures: &mut Figures,
    ) -> Result<Option<(Half, Queued)>, TrainError> {
        let (r1_gamma, r2_gamma) = self.config.penalties(self.position.step);
        if !self.config.loss.lazy || (r1_gamma, r2_gamma) == (0.0, 0.0) {
            return Ok(None);
        }
        let settings = StepSettings { r1_gamma, r2_gamma, ..self.settings() };
        let reals = self.reals(batch, state)?;
        let labels = self.labels(batch)?;
        let (networks, step) = (&self.networks, self.position.step);
        let mut found = Found::default();
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            let reals = reals.narrow(0, part.start, part.size)?;
            settings.penalties(networks, &reals, of_part(&labels, part)?.as_ref(), at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            found.add(part, step.gradients, None, &[&step.penalty])
        })?;
        let joined = found.join(&self.group, &self.device)?;
        figures.penalty = Some(joined.numbers);
        Ok(Some(self.update(Half::Discriminator, joined.gradients, state)?))
    }

    /// Path length regularisation in a step of its own, where this step has it. Every part of the batch is measured with the mean from before the step,
    /// moved by its own lengths; the mean that stays is the parts'.
    pub(super) fn lazy_generator(
        &mut self,
        batch: &Batch,
        parts: &[Part],
        state: &State,
    ) -> Result<Option<(Half, Queued)>, TrainError> {
        let Some(regularizer) = self.config.path_length(self.position.step) else {
            return Ok(None);
        };
        let settings = self.settings();
        let shrink = self.config.loss.path_length_shrink.max(1);
        let mut found = Found::default();
        let labels = self.labels(batch)?;
        let (networks, mean, step) = (&self.networks, &self.path_length_mean, self.position.step);
        let compute = |part: Part| {
            let at = StepPosition { step, part: part.index, lod: state.lod };
            let n = (part.size / shrink).max(1);
            let labels = of_part(&labels, Part { size: n, ..part })?;
            settings.path_length(networks, n, labels.as_ref(), regularizer, mean, at)
        };
        by_parts(parts, self.parts_at_once(), compute, |part, step| {
            found.add(part, step.gradients, Some(step.w), &[&step.mean])
        })?;
        let joined = found.join(&self.group, &self.device)?;
        let moved = joined.numbers.to_dtype(mean.dtype())?.reshape(())?;
        self.path_length_mean = if_finite(&moved, mean)?;
        self.update_w_average(joined.w)?;
        Ok(Some(self.update(Half::Generator, joined.gradients, state)?))
    }
}
