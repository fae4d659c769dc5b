//! Steps whose numbers are not read yet: on a GPU, those of a step are read when the next one is queued, so that the GPU always has work.

use std::time::Instant;

use super::figures::{Numbers, Unread};
use super::{MAX_ROLLBACKS, TrainError, Training};
use crate::config::AugmentMode;
use crate::draws::Half;
use crate::events::{Event, Observer, Progress};
use crate::optimizer::{Queued, StepOutcome};

/// A step that was queued.
pub(super) struct Pending {
    /// Its number.
    pub step: u64,
    /// What is known of it without waiting.
    pub progress: Progress,
    /// What the optimizers will turn out to have done, in their order.
    pub queued: Vec<(Half, Queued)>,
    /// The rest.
    pub unread: Unread,
}

/// When this session of a run began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub start: Instant,
    /// Real images seen before.
    pub images: u64,
    /// Seconds before.
    pub seconds: f64,
}

impl Session {
    /// Seconds of the run so far.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds + self.start.elapsed().as_secs_f64()
    }
}

impl Training {
    /// How many steps may be unread while the next one is queued: none on the CPU, where the numbers are there at once.
    pub(super) fn steps_ahead(&self) -> usize {
        usize::from(!self.device.is_cpu())
    }

    /// Reads the numbers of all steps but the last `keep`, and acts on them. `false` if the run went back to a snapshot: steps after
    /// the one that was too much are forgotten with it.
    pub(super) fn settle(
        &mut self,
        keep: usize,
        session: &Session,
        observer: &mut dyn Observer,
    ) -> Result<bool, TrainError> {
        while self.pending.len() > keep {
            let Some(Pending { step, progress, queued, unread }) = self.pending.pop_front() else {
                break;
            };
            let numbers = unread.wait()?;
            self.position.path_length_mean = numbers.path_length_mean as f32;
            self.stops |= numbers.stops;
            self.adapt(numbers.real_sign, progress.minibatch, step);
            let skipped = self.skipped_parameter(queued, numbers.skipped)?;
            if self.count_skips(skipped, progress.loss_scale, observer)? {
                self.pending.clear();
                return Ok(false);
            }
            let progress = self.with_numbers(progress, &numbers, session);
            let step = self.recorder.step(progress);
            if self.group.is_first() {
                observer.notice(&Event::Step(step));
            }
        }
        Ok(true)
    }

    /// The first parameter whose gradient was not finite, if an optimizer left its step out.
    fn skipped_parameter(
        &mut self,
        queued: Vec<(Half, Queued)>,
        any_on_gpu: bool,
    ) -> Result<Option<String>, TrainError> {
        let mut first = None;
        for (half, queued) in queued {
            if matches!(queued, Queued::OnGpu(_)) && !any_on_gpu {
                continue;
            }
            let optimizer = match half {
                Half::Discriminator => &mut self.discriminator_optimizer,
                Half::Generator => &mut self.generator_optimizer,
            };
            if let StepOutcome::Skipped { parameter } = optimizer.settle(queued)? {
                first.get_or_insert(parameter);
            }
        }
        Ok(first)
    }

    fn with_numbers(&self, progress: Progress, numbers: &Numbers, session: &Session) -> Progress {
        let elapsed = session.start.elapsed();
        let remaining = self.workload.remaining(session.images, progress.images, elapsed);
        Progress {
            generator_loss: numbers.generator_loss,
            discriminator_loss: numbers.discriminator_loss,
            real_score: numbers.real_score,
            fake_score: numbers.fake_score,
            penalty: numbers.penalty,
            diversity: numbers.diversity,
            path_length: numbers.path_length_mean,
            augment_p: self.augmentation_probability(),
            r_t: numbers.real_sign,
            skipped: self.position.skipped,
            seconds: session.seconds(),
            eta_seconds: remaining.map(|time| time.as_secs_f64()),
            ..progress
        }
    }

    /// Lets the probability of augmentation follow the mean sign of a step's `images` real scores.
    fn adapt(&mut self, real_sign: f64, images: usize, step: u64) {
        if self.config.augment.mode == AugmentMode::Ada {
            self.position.augment.count(real_sign, images as u64);
            self.position.augment.adjust(&self.config.augment.heuristic(), step);
        }
    }

    /// Counts a step that was skipped, computed with a factor on its losses or none; after too many in a row, goes back to the last snapshot
    /// and says so with `true`.
    fn count_skips(
        &mut self,
        parameter: Option<String>,
        loss_scale: Option<f64>,
        observer: &mut dyn Observer,
    ) -> Result<bool, TrainError> {
        let too_large = self.follow_loss_scale(loss_scale, parameter.is_none());
        let Some(parameter) = parameter else {
            self.position.skipped_in_a_row = 0;
            return Ok(false);
        };
        self.position.skipped += 1;
        if let (true, Some(scale)) = (too_large, self.loss_scale()) {
            let images = self.position.images;
            self.tell(observer, Event::LossScaled { images, parameter, scale })?;
            return Ok(false);
        }
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
