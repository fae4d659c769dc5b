//! Evaluations: metrics joined with this project's generators, classifiers and files.

mod cache;
mod ppl;
mod separability;
mod subject;

pub use cache::FileCache;
pub use ppl::{Distance, PplMetric};
pub use separability::{
    Latents, SeparabilityRun, SpaceResult, directions, latents, scores, separability,
};
pub use subject::Subject;
