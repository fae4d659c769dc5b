//! How the probability of augmentation follows overfitting.

use serde::{Deserialize, Serialize};

/// The numbers of the heuristic (Karras et al. 2020, limited data, section 3); `Default` is the paper's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaHeuristic {
    /// What r_t, the mean sign of the discriminator's scores of real images, is held at (0.6).
    pub target: f64,
    /// Steps between two changes of p (4).
    pub interval: u64,
    /// Thousands of real images in which p would go from 0 to 1 (500).
    pub speed_kimg: f64,
}

impl Default for AdaHeuristic {
    fn default() -> Self {
        Self { target: 0.6, interval: 4, speed_kimg: 500.0 }
    }
}

/// The probability, and what was counted since it was changed last: all there is to save.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaState {
    /// The probability of each transformation.
    pub p: f64,
    /// The mean sign at the last change.
    pub r_t: f64,
    /// The sum of signs of scores of real images since then.
    pub signs: f64,
    /// The number of those images.
    pub images: u64,
}

impl AdaState {
    /// Begins with a probability.
    pub fn new(p: f64) -> Self {
        Self { p, ..Self::default() }
    }

    /// Counts a step's `images` real images, whose scores have the mean sign `sign`.
    pub fn count(&mut self, sign: f64, images: u64) {
        // Scores that are not finite have no sign; such a step is skipped elsewhere too.
        if sign.is_finite() {
            self.signs += sign * images as f64;
            self.images += images;
        }
    }

    /// To be called after `steps` steps in all: every [`AdaHeuristic::interval`] of them, moves p by as much as the images that were counted are
    /// worth, up if their mean sign is above the target and down if it is below, and never out of [0, 1].
    pub fn adjust(&mut self, heuristic: &AdaHeuristic, steps: u64) {
        if !steps.is_multiple_of(heuristic.interval.max(1)) || self.images == 0 {
            return;
        }
        self.r_t = self.signs / self.images as f64;
        let direction = match self.r_t.total_cmp(&heuristic.target) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Less => -1.0,
        };
        let change = direction * self.images as f64 / (heuristic.speed_kimg * 1000.0);
        self.p = (self.p + change).clamp(0.0, 1.0);
        (self.signs, self.images) = (0.0, 0);
    }
}
