//! The factor on losses that keeps small gradients in the range of float16 (Micikevicius et al. 2018, section 3.2).

use serde::{Deserialize, Serialize};

use super::Training;
use crate::config::MOST_LOSS_SCALE;

/// What losses are multiplied with, and gradients divided by: always a power of two. It follows what gradients bear.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LossScale {
    /// The factor, 1 or more.
    pub factor: f64,
    /// Steps since it last changed.
    pub steps: u64,
}

impl LossScale {
    pub(super) fn new(factor: f64) -> Self {
        Self { factor, steps: 0 }
    }

    /// After a step whose gradients are finite: twice the factor after `interval` of them.
    pub(super) fn grow(&mut self, interval: u64) {
        self.steps += 1;
        if self.steps >= interval {
            *self = Self::new((2.0 * self.factor).min(MOST_LOSS_SCALE));
        }
    }

    /// After a step that was computed with `used` and has a gradient that is not finite: half the factor. `false` where it is not to
    /// blame, because it is 1.
    pub(super) fn shrink(&mut self, used: f64) -> bool {
        if used <= 1.0 {
            return false;
        }
        // A step that was queued before the last change says nothing new.
        if used <= self.factor {
            *self = Self::new((used / 2.0).max(1.0));
        }
        true
    }
}

impl Training {
    /// The factor of the next step; none where losses are not scaled.
    pub(super) fn loss_scale(&self) -> Option<f64> {
        let first = LossScale::new(self.config.precision.loss_scale);
        let scales = self.config.precision.scales_losses();
        scales.then(|| self.position.loss_scale.unwrap_or(first).factor)
    }

    /// Takes in whether the gradients of a step that was computed with `used` were finite. `true` if the factor is to blame that they
    /// were not.
    pub(super) fn follow_loss_scale(&mut self, used: Option<f64>, finite: bool) -> bool {
        let Some(used) = used else { return false };
        let precision = &self.config.precision;
        let first = LossScale::new(precision.loss_scale);
        let scale = self.position.loss_scale.get_or_insert(first);
        if finite {
            scale.grow(precision.growth_interval);
            return false;
        }
        scale.shrink(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_after_an_interval_and_shrinks_at_once() {
        let mut scale = LossScale::new(8.0);
        for _ in 0..3 {
            scale.grow(4);
        }
        assert_eq!(scale, LossScale { factor: 8.0, steps: 3 });
        scale.grow(4);
        assert_eq!(scale, LossScale::new(16.0));
        scale.grow(4);
        assert!(scale.shrink(16.0));
        assert_eq!(scale, LossScale::new(8.0));
        // Queued before that.
        assert!(scale.shrink(16.0));
        assert_eq!(scale, LossScale::new(8.0));
    }

    #[test]
    fn stays_between_one_and_the_most() {
        let mut scale = LossScale::new(2.0);
        assert!(scale.shrink(2.0));
        assert!(!scale.shrink(1.0));
        assert_eq!(scale.factor, 1.0);
        let mut scale = LossScale::new(MOST_LOSS_SCALE);
        scale.grow(1);
        assert_eq!(scale.factor, MOST_LOSS_SCALE);
    }
}
