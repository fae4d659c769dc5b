//! Where in its course a run stands: everything of a run's state that is not a tensor.

use serde::{Deserialize, Serialize};
use stylegan_augment::AdaState;

use super::loss_scale::LossScale;

/// Counters from which, with the seed, everything else follows: the schedule, the order of the
/// images, latents, noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// Steps done.
    pub step: u64,
    /// Real images seen.
    pub images: u64,
    /// Images seen when the schedule was last looked at.
    pub scheduled_at: u64,
    /// Steps until it is looked at again.
    pub repeats_left: u64,
    /// Ticks done.
    pub tick: u64,
    /// Images seen when the tick began.
    pub tick_start: u64,
    /// Steps skipped because a gradient was not finite.
    pub skipped: u64,
    /// Of those, the last ones in a row.
    pub skipped_in_a_row: usize,
    /// Times that the run went back to a snapshot. They shift the random numbers, so that it does
    /// not walk into the same trouble again.
    pub rollbacks: u64,
    /// Of those, the ones since the last finished tick.
    pub rollbacks_in_a_row: u64,
    /// The running mean of path lengths, of StyleGAN2's regularisation.
    #[serde(default)]
    pub path_length_mean: f32,
    /// The probability of augmentation, and what it follows.
    #[serde(default)]
    pub augment: AdaState,
    /// What losses are multiplied with, once that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// Seconds of training, without interruptions.
    pub seconds: f64,
    /// The data set's fingerprint.
    pub dataset: String,
}

impl Position {
    pub(super) fn new(dataset: String, p: f64) -> Self {
        Self {
            step: 0,
            images: 0,
            scheduled_at: 0,
            repeats_left: 0,
            tick: 0,
            tick_start: 0,
            skipped: 0,
            skipped_in_a_row: 0,
            rollbacks: 0,
            rollbacks_in_a_row: 0,
            path_length_mean: 0.0,
            augment: AdaState::new(p),
            loss_scale: None,
            seconds: 0.0,
            dataset,
        }
    }

    /// The seed of a step's random numbers.
    pub(super) fn seed(&self, run_seed: u64) -> u64 {
        // An odd multiplier keeps the seeds of all roll-backs apart.
        run_seed ^ self.rollbacks.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
