//! Evaluations: metrics joined with this project's generators, classifiers and files.

mod cache;
mod separability;
mod subject;

pub use cache::FileCache;
pub use separability::{
    Latents, SeparabilityRun, SpaceResult, directions, latents, scores, separability,
};
pub use subject::Subject;
