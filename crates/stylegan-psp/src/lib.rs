#![doc = include_str!("../README.md")]

mod backbone;
mod codes;
mod config;
mod encoder;
mod error;
mod identity;
mod input;
mod layers;
mod losses;
mod norm;
mod resample;
mod stand_in;
mod task;
mod unit;

#[cfg(test)]
mod tests;

pub use backbone::Backbone;
pub use codes::inject;
pub use config::{BackboneConfig, Depth, EncoderConfig, EncoderKind};
pub use encoder::Encoder;
pub use error::PspError;
pub use identity::{Identity, IdentityConfig, face_crop, face_region, unit_length, whole_image};
pub use input::{FACTORS, InputDraws, Pair, drawing, one_hot, pair_of, reduced, resized};
pub use losses::{ImageDistance, ImageFeatures, Judged, Judges, Loss, LossWeights, w_norm};
pub use norm::{BatchNorm, BatchRecord, Mode};
pub use resample::{Axis, Resampler};
pub use stand_in::RandomFeatures;
pub use task::Task;
