//! The numbers that a schedule follows.

use serde::{Deserialize, Serialize};

use crate::{ByResolution, ScheduleError};

/// Configuration of a [`Schedule`](crate::Schedule). The defaults are those of the official training loop, at a final
/// resolution of 1024; `training_schedule` and `training_loop` are the names of its functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Final resolution, `4 * 2^k` (see the crate's page for non-square images). Default 1024.
    pub resolution: usize,
    /// Whether the networks grow. If not, every image is trained at full resolution (lod 0). Default true.
    pub growing: bool,
    /// Resolution at which training starts, `lod_initial_resolution`. Default 8.
    pub initial_resolution: usize,
    /// Thousands of real images shown at a resolution before the next one is faded in, `lod_training_kimg`. Default 600.
    pub training_kimg: f64,
    /// Thousands of real images shown while a resolution is faded in, `lod_transition_kimg`. Default 600.
    pub transition_kimg: f64,
    /// Images a batch, `minibatch_base`. Default 16.
    pub minibatch: usize,
    /// Exceptions from `minibatch`, `minibatch_dict`. Default none.
    pub minibatch_at: ByResolution<usize>,
    /// Learning rate of both networks, `lrate_base`. Default 0.001.
    pub learning_rate: f64,
    /// Exceptions from `learning_rate`, `lrate_dict`. Default 128: 0.0015, 256: 0.002, 512 and 1024: 0.003.
    pub learning_rate_at: ByResolution<f64>,
    /// Thousands of images over which the learning rate rises from 0, as a square, `lrate_rampup_kimg`. Default 0.
    pub rampup_kimg: f64,
    /// Thousands of images between two progress reports, `tick_kimg_base`. Default 160.
    pub tick_kimg: f64,
    /// Exceptions from `tick_kimg`, `tick_kimg_dict`. Default 8: 140, 16: 120, 32: 100, 64: 80, 128: 60, 256: 40,
    /// 512: 30, 1024: 20.
    pub tick_kimg_at: ByResolution<f64>,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            resolution: 1024,
            growing: true,
            initial_resolution: 8,
            training_kimg: 600.0,
            transition_kimg: 600.0,
            minibatch: 16,
            minibatch_at: ByResolution::default(),
            learning_rate: 0.001,
            learning_rate_at: [(128, 0.0015), (256, 0.002), (512, 0.003), (1024, 0.003)].into(),
            rampup_kimg: 0.0,
            tick_kimg: 160.0,
            tick_kimg_at: [
                (4, 160.0),
                (8, 140.0),
                (16, 120.0),
                (32, 100.0),
                (64, 80.0),
                (128, 60.0),
                (256, 40.0),
                (512, 30.0),
                (1024, 20.0),
            ]
            .into(),
        }
    }
}

impl ScheduleConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// The first thing that is wrong, naming its key.
    pub fn validate(&self) -> Result<(), ScheduleError> {
        power_of_two("resolution", self.resolution)?;
        power_of_two("initial_resolution", self.initial_resolution)?;
        if self.growing && self.initial_resolution > self.resolution {
            return Err(ScheduleError::InitialAboveFinal {
                initial: self.initial_resolution,
                resolution: self.resolution,
            });
        }
        at_least_zero("training_kimg", self.training_kimg)?;
        at_least_zero("transition_kimg", self.transition_kimg)?;
        at_least_zero("rampup_kimg", self.rampup_kimg)?;
        let grows = self.growing && self.initial_resolution < self.resolution;
        if grows && self.training_kimg + self.transition_kimg <= 0.0 {
            // The official loop would stay at the first resolution for ever.
            return Err(ScheduleError::OutOfRange {
                key: "training_kimg + transition_kimg",
                value: 0.0,
                expected: "above 0 while the networks grow",
            });
        }
        positive("minibatch", self.minibatch as f64)?;
        for (resolution, size) in self.minibatch_at.iter() {
            power_of_two("a key of minibatch_at", resolution)?;
            positive("minibatch_at", size as f64)?;
        }
        positive("learning_rate", self.learning_rate)?;
        for (resolution, rate) in self.learning_rate_at.iter() {
            power_of_two("a key of learning_rate_at", resolution)?;
            positive("learning_rate_at", rate)?;
        }
        positive("tick_kimg", self.tick_kimg)?;
        for (resolution, kimg) in self.tick_kimg_at.iter() {
            power_of_two("a key of tick_kimg_at", resolution)?;
            positive("tick_kimg_at", kimg)?;
        }
        Ok(())
    }
}

fn power_of_two(key: &'static str, value: usize) -> Result<(), ScheduleError> {
    if value.is_power_of_two() && value >= crate::BASE_RESOLUTION {
        Ok(())
    } else {
        Err(ScheduleError::NotPowerOfTwo { key, value })
    }
}

fn positive(key: &'static str, value: f64) -> Result<(), ScheduleError> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(ScheduleError::OutOfRange { key, value, expected: "above 0" })
    }
}

fn at_least_zero(key: &'static str, value: f64) -> Result<(), ScheduleError> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(ScheduleError::OutOfRange { key, value, expected: "0 or more" })
    }
}
