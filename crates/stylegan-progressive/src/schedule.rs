//! From images seen to what to do next.

use serde::{Deserialize, Serialize};

use crate::{ScheduleConfig, ScheduleError};

/// Resolution of the networks' first block.
pub const BASE_RESOLUTION: usize = 4;

/// What a schedule asks for after a number of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Level of detail: 0 is the full resolution, each unit halves it, a fraction fades between two.
    pub lod: f64,
    /// Number of the newest block: its resolution is `4 * 2^level`.
    pub level: usize,
    /// Resolution of the newest block in use, already the new one when its fade begins.
    pub resolution: usize,
    /// Images a batch.
    pub minibatch: usize,
    /// Learning rate of both networks.
    pub learning_rate: f64,
    /// Thousands of images between two progress reports.
    pub tick_kimg: f64,
}

impl State {
    /// Weight of the newest block, in (0, 1]: 1 unless it is being faded in.
    pub fn alpha(&self) -> f64 {
        1.0 - self.lod.fract()
    }

    /// Whether the optimizers start afresh when training goes on from `before` to `self`: a block enters (the floor of
    /// the lod changes) or its fade ends (the ceiling changes).
    pub fn resets_optimizer(&self, before: &State) -> bool {
        self.lod.floor() != before.lod.floor() || self.lod.ceil() != before.lod.ceil()
    }
}

/// The schedule of one training run: a pure function of the number of real images seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    config: ScheduleConfig,
    levels: usize,
}

impl Schedule {
    /// Validates `config`.
    ///
    /// # Errors
    /// See [`ScheduleConfig::validate`].
    pub fn new(config: ScheduleConfig) -> Result<Self, ScheduleError> {
        config.validate()?;
        let levels = level_of(config.resolution);
        Ok(Self { config, levels })
    }

    /// The configuration.
    pub fn config(&self) -> &ScheduleConfig {
        &self.config
    }

    /// What to do when `images` real images have been seen.
    pub fn at(&self, images: u64) -> State {
        let kimg = images as f64 / 1000.0;
        let lod = self.lod(kimg);
        // Cannot underflow: the lod starts at the number of growths and never rises.
        let level = self.levels - lod.floor() as usize;
        let resolution = BASE_RESOLUTION << level;
        let config = &self.config;
        let mut learning_rate = config.learning_rate_at.get_or(resolution, config.learning_rate);
        if config.rampup_kimg > 0.0 {
            let ramp = (kimg / config.rampup_kimg).min(1.0);
            learning_rate *= ramp * ramp;
        }
        State {
            lod,
            level,
            resolution,
            minibatch: config.minibatch_at.get_or(resolution, config.minibatch),
            learning_rate,
            tick_kimg: config.tick_kimg_at.get_or(resolution, config.tick_kimg),
        }
    }

    /// Thousands of images after which the lod is 0 for good.
    pub fn growing_kimg(&self) -> f64 {
        self.growths() as f64 * self.phase_kimg()
    }

    /// The states in order, each with the number of images at which it can first be met: one for every resolution that
    /// is trained and one for every fade. For tables and estimates; within a fade only the lod changes.
    pub fn phases(&self) -> Vec<(u64, State)> {
        let mut starts = vec![0];
        for growth in 0..self.growths() {
            let start = growth as f64 * self.phase_kimg();
            starts.push(((start + self.config.training_kimg) * 1000.0).floor() as u64 + 1);
            starts.push(((start + self.phase_kimg()) * 1000.0).ceil() as u64);
        }
        starts.dedup();
        starts.into_iter().map(|images| (images, self.at(images))).collect()
    }

    fn growths(&self) -> usize {
        if self.config.growing { self.levels - level_of(self.config.initial_resolution) } else { 0 }
    }

    fn phase_kimg(&self) -> f64 {
        self.config.training_kimg + self.config.transition_kimg
    }

    fn lod(&self, kimg: f64) -> f64 {
        let growths = self.growths();
        if growths == 0 {
            return 0.0;
        }
        let phase = (kimg / self.phase_kimg()).floor();
        let within = kimg - phase * self.phase_kimg();
        let mut lod = growths as f64 - phase;
        if self.config.transition_kimg > 0.0 {
            let fade = (within - self.config.training_kimg).max(0.0) / self.config.transition_kimg;
            // Rounding must not carry the fade past its end: the next block would enter for one batch.
            lod -= fade.min(1.0);
        }
        lod.max(0.0)
    }
}

fn level_of(resolution: usize) -> usize {
    (resolution / BASE_RESOLUTION).ilog2() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Schedule {
        let config = ScheduleConfig {
            resolution: 32,
            training_kimg: 2.0,
            transition_kimg: 1.0,
            ..ScheduleConfig::default()
        };
        Schedule::new(config).unwrap()
    }

    #[test]
    fn walks_through_training_and_fading() {
        let schedule = small();
        let seen: Vec<_> = [0, 2000, 2250, 2999, 3000, 5500, 6000, 900_000]
            .map(|images| (schedule.at(images).lod, schedule.at(images).resolution))
            .to_vec();
        assert_eq!(
            seen,
            [
                (2.0, 8),
                (2.0, 8),
                (1.75, 16),
                (2.0 - 0.999, 16),
                (1.0, 16),
                (0.5, 32),
                (0.0, 32),
                (0.0, 32)
            ]
        );
        assert_eq!(schedule.at(2250).alpha(), 0.25);
        assert_eq!(schedule.at(3000).alpha(), 1.0);
    }

    #[test]
    fn optimizers_start_afresh_at_both_ends_of_a_fade() {
        let schedule = small();
        let resets: Vec<u64> = (1..80)
            .map(|i| i * 100)
            .filter(|&images| schedule.at(images).resets_optimizer(&schedule.at(images - 100)))
            .collect();
        assert_eq!(resets, [2100, 3000, 5100, 6000]);
    }

    #[test]
    fn a_fixed_structure_is_trained_whole() {
        let config = ScheduleConfig { growing: false, ..small().config };
        let schedule = Schedule::new(config).unwrap();
        assert_eq!(schedule.growing_kimg(), 0.0);
        assert_eq!((schedule.at(0).lod, schedule.at(0).resolution), (0.0, 32));
        assert_eq!(schedule.phases().len(), 1);
    }

    #[test]
    fn growth_without_fades_jumps() {
        let config = ScheduleConfig { transition_kimg: 0.0, ..small().config };
        let schedule = Schedule::new(config).unwrap();
        assert_eq!(schedule.at(1999).lod, 2.0);
        assert_eq!(schedule.at(2000).lod, 1.0);
        assert_eq!(schedule.at(4000).lod, 0.0);
    }

    #[test]
    fn the_learning_rate_ramps_up_as_a_square() {
        let config = ScheduleConfig { rampup_kimg: 4.0, ..small().config };
        let schedule = Schedule::new(config).unwrap();
        assert_eq!(schedule.at(0).learning_rate, 0.0);
        assert_eq!(schedule.at(2000).learning_rate, 0.001 * 0.25);
        assert_eq!(schedule.at(4000).learning_rate, 0.001);
    }

    #[test]
    fn phases_are_where_the_state_changes() {
        let phases: Vec<_> = small().phases().iter().map(|(n, s)| (*n, s.resolution)).collect();
        assert_eq!(phases, [(0, 8), (2001, 16), (3000, 16), (5001, 32), (6000, 32)]);
    }

    #[test]
    fn bad_numbers_are_named() {
        let wrong = |edit: fn(&mut ScheduleConfig)| {
            let mut config = ScheduleConfig::default();
            edit(&mut config);
            Schedule::new(config).unwrap_err()
        };
        assert_eq!(
            wrong(|c| c.resolution = 96),
            ScheduleError::NotPowerOfTwo { key: "resolution", value: 96 }
        );
        assert_eq!(
            wrong(|c| c.initial_resolution = 2),
            ScheduleError::NotPowerOfTwo { key: "initial_resolution", value: 2 }
        );
        assert_eq!(
            wrong(|c| c.resolution = 4),
            ScheduleError::InitialAboveFinal { initial: 8, resolution: 4 }
        );
        assert!(matches!(
            wrong(|c| c.minibatch = 0),
            ScheduleError::OutOfRange { key: "minibatch", .. }
        ));
        assert!(matches!(
            wrong(|c| c.learning_rate = f64::NAN),
            ScheduleError::OutOfRange { key: "learning_rate", .. }
        ));
        assert!(matches!(
            wrong(|c| (c.training_kimg, c.transition_kimg) = (0.0, 0.0)),
            ScheduleError::OutOfRange { .. }
        ));
        assert!(matches!(
            ScheduleConfig::stylegan(1024, 3),
            Err(ScheduleError::UnknownGpus { gpus: 3 })
        ));
    }
}
