//! Sequential draws from one stream of the counter-based generator.

use stylegan_ops::random::Stream;

/// A reader that walks one stream: every feature of a face has its own, so that a change to one
/// feature never moves the draws of another.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    stream: Stream,
    next: u64,
}

impl Draw {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, next: 0 }
    }

    /// Uniform in [0, 1), with 24 bits: exact in f32.
    pub(crate) fn unit(&mut self) -> f32 {
        let bits = self.stream.bits_at(self.next)[0];
        self.next += 1;
        (bits >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [low, high).
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// One of the values, each as likely as its weight; the last one if the weights are all zero.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, f32)], fallback: T) -> T {
        let total: f32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.unit() * total;
        let mut chosen = fallback;
        for &(value, weight) in choices {
            if weight > 0.0 {
                chosen = value;
                if left < weight {
                    break;
                }
            }
            left -= weight;
        }
        chosen
    }
}
