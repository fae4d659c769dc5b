//! Evaluations: metrics joined with this project's generators, classifiers and files.

mod cache;
mod fid;
mod ppl;
mod separability;
mod shared;
mod sources;
mod subject;

pub use cache::FileCache;
pub use fid::{FeatureDistance, FidMetric};
pub use ppl::{Distance, PplMetric};
pub use separability::{
    Latents, SeparabilityRun, SpaceResult, directions, latents, scores, separability,
};
pub use sources::{Drawn, Generated, Pictures};
pub use subject::Subject;
