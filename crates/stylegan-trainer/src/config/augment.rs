//! `[augment]`: changes to what the discriminator sees.

use serde::{Deserialize, Serialize};
use stylegan_augment::{AdaHeuristic, AdaPipeline, DiffAugment};

use crate::augment::Augment;

/// `[augment]`: changes to the images that the discriminator sees, real and generated ones alike, for training with few images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentSection {
    /// What decides how much is changed.
    pub mode: AugmentMode,
    /// The probability of each transformation with `fixed`, and the one that `ada` begins with, *p*.
    pub p: f64,
    /// The mean sign of real scores that `ada` holds, *ada_target*.
    pub target: f64,
    /// Steps between two changes of the probability, *ada_interval*.
    pub interval: u64,
    /// Thousands of images in which the probability can go from 0 to 1, *ada_kimg*.
    pub speed_kimg: f64,
    /// Mirroring, quarter turns and whole shifts, of `ada` and `fixed`.
    pub blit: bool,
    /// Scaling, turns, stretching and fractional shifts, of `ada` and `fixed`.
    pub geometric: bool,
    /// Colours, of every mode.
    pub color: bool,
    /// Shifts of `diffaugment`.
    pub translation: bool,
    /// Squares without content of `diffaugment`.
    pub cutout: bool,
}

/// What decides how much images are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AugmentMode {
    /// Images stay as they are.
    None,
    /// The pipeline of StyleGAN2-ADA with a probability that follows the discriminator's overfitting.
    Ada,
    /// The same pipeline with a probability that stays.
    Fixed,
    /// DiffAugment, always on.
    Diffaugment,
}

impl Default for AugmentSection {
    /// No augmentation; the numbers are those of the papers.
    fn default() -> Self {
        let AdaHeuristic { target, interval, speed_kimg } = AdaHeuristic::default();
        Self {
            mode: AugmentMode::None,
            p: 0.0,
            target,
            interval,
            speed_kimg,
            blit: true,
            geometric: true,
            color: true,
            translation: true,
            cutout: true,
        }
    }
}

impl AugmentSection {
    /// What a step does, with the pipeline's probability `p`.
    pub fn at(&self, p: f64) -> Augment {
        let Self { blit, geometric, color, translation, cutout, .. } = *self;
        match self.mode {
            AugmentMode::None => Augment::None,
            AugmentMode::Ada | AugmentMode::Fixed => {
                Augment::Ada { pipeline: AdaPipeline { blit, geometric, color }, p }
            }
            AugmentMode::Diffaugment => Augment::Diff(DiffAugment { color, translation, cutout }),
        }
    }

    /// How the probability moves.
    pub fn heuristic(&self) -> AdaHeuristic {
        let Self { target, interval, speed_kimg, .. } = *self;
        AdaHeuristic { target, interval, speed_kimg }
    }
}
