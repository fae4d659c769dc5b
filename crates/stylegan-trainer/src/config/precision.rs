//! What the networks compute in.

use serde::{Deserialize, Serialize};
use stylegan::{FloatFormat, Precision};

use super::{ConfigError, TrainConfig};

/// `[precision]`: what the networks compute in. Weights, their gradients and the optimizer are float32 whatever it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrecisionSection {
    /// The format of the highest resolutions: `float32`, `bfloat16` or `float16`.
    pub dtype: FloatFormat,
    /// How many resolutions those are, *num_fp16_res*; the smallest block is never among them.
    pub half_blocks: usize,
    /// The limit of activations in networks with such blocks, *conv_clamp*.
    pub clamp: f64,
    /// What losses are multiplied with at first, a power of two, so that small gradients do not vanish in float16; not looked at in
    /// other formats, which have float32's range.
    pub loss_scale: f64,
    /// After so many steps whose gradients are finite, it is doubled; after one whose are not, it is halved.
    pub growth_interval: u64,
}

impl Default for PrecisionSection {
    /// Float32; the official numbers for the other formats.
    fn default() -> Self {
        let Precision { dtype, half_blocks, clamp } = Precision::FLOAT32;
        Self { dtype, half_blocks, clamp, loss_scale: 65_536.0, growth_interval: 2000 }
    }
}

impl PrecisionSection {
    /// What networks are told of it.
    pub fn precision(&self) -> Precision {
        Precision { dtype: self.dtype, half_blocks: self.half_blocks, clamp: self.clamp }
    }

    /// Whether losses are scaled.
    pub fn scales_losses(&self) -> bool {
        self.dtype == FloatFormat::Float16 && self.precision().is_mixed()
    }
}

impl TrainConfig {
    pub(super) fn validate_precision(&self) -> Result<(), ConfigError> {
        let p = &self.precision;
        let invalid = |key, problem| Err(ConfigError::Invalid { key, problem });
        let blocks = self.network.resolution.ilog2() as usize - 1;
        if p.dtype.is_half() && p.half_blocks > blocks {
            let (half, resolution) = (p.half_blocks, self.network.resolution);
            let problem =
                format!("is {half}; networks of {resolution}x{resolution} have {blocks} blocks");
            return invalid("precision.half_blocks", problem);
        }
        if !(p.clamp > 0.0 && p.clamp <= MOST_FLOAT16) {
            let problem = format!("is {}; it must be above 0 and at most {MOST_FLOAT16}", p.clamp);
            return invalid("precision.clamp", problem);
        }
        // Other factors would round.
        let is_power_of_two = p.loss_scale >= 1.0 && p.loss_scale.log2().fract() == 0.0;
        if !(is_power_of_two && p.loss_scale <= MOST_LOSS_SCALE) {
            let problem = format!(
                "is {}; it must be a power of two from 1 to {MOST_LOSS_SCALE}",
                p.loss_scale
            );
            return invalid("precision.loss_scale", problem);
        }
        if p.growth_interval == 0 {
            return invalid("precision.growth_interval", "must be at least 1".to_owned());
        }
        Ok(())
    }
}

/// The largest number of float16.
const MOST_FLOAT16: f64 = 65_504.0;

/// Where the scale of losses stops growing: 2^24.
pub(crate) const MOST_LOSS_SCALE: f64 = 16_777_216.0;
