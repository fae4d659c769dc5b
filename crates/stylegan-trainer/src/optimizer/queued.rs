//! Steps that nobody waits for: whether a gradient is finite is found, and acted on, where the gradients are.

use candle_core::{Result, Tensor};
use stylegan::is_buffer;
use stylegan_ops::NotFinite;

use super::{Adam, StepOutcome, finite};

/// A step whose outcome is decided on a GPU that is not waited for.
#[derive(Debug, Clone)]
pub struct QueuedStep {
    /// The parameters that have a gradient, in the order of names.
    pub(super) names: Vec<String>,
    pub(super) flags: NotFinite,
}

impl QueuedStep {
    /// 1 if a gradient is not finite, and nothing was updated, else 0: `[1]`, on the GPU.
    ///
    /// # Errors
    /// Those of the device.
    pub fn skipped(&self) -> Result<Tensor> {
        self.flags.any()
    }
}

/// What [`Adam::queue`] did.
#[derive(Debug, Clone)]
pub enum Queued {
    /// It is known already.
    Known(StepOutcome),
    /// It is decided on a GPU.
    OnGpu(QueuedStep),
}

impl Adam {
    /// What a step did; waits for it. To be called for every step whose [`QueuedStep::skipped`] is not 0: until then the step
    /// counts as one in the corrections of the next.
    ///
    /// # Errors
    /// Those of the device.
    pub fn settle(&mut self, queued: Queued) -> Result<StepOutcome> {
        let step = match queued {
            Queued::Known(outcome) => return Ok(outcome),
            Queued::OnGpu(step) => step,
        };
        let names = step.names.iter().map(String::as_str);
        let Some(parameter) = finite::first(names, &step.flags)? else {
            return Ok(StepOutcome::Updated);
        };
        for name in step.names.iter().filter(|name| !is_buffer(name)) {
            // Without a slot the state was forgotten since, and the count with it.
            if let Some(slot) = self.slots.get_mut(name) {
                slot.step = slot.step.saturating_sub(1);
            }
        }
        Ok(StepOutcome::Skipped { parameter })
    }
}
