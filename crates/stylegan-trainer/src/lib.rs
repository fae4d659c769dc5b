//! Training: composition of the networks, the data, the losses and the schedule into runs.

mod augment;
mod diversity;
mod draws;
mod gradients;
mod networks;
mod reals;
mod regularization;
mod run_error;
mod slices;
mod step;
mod training;

pub mod average;
pub mod classifier;
pub mod config;
pub mod estimate;
pub mod evaluation;
pub mod events;
pub mod grid;
pub mod optimizer;
pub mod plot;
pub mod psp;
pub mod run_dir;
pub mod tensorboard;

pub use augment::Augment;
pub use draws::{Draws, Half};
pub use gradients::Gradients;
pub use networks::Networks;
pub use regularization::{PathLengthStep, PenaltyStep};
pub use run_error::RunError;
pub use step::{ClassTerm, DiscriminatorStep, GeneratorStep, StepPosition, StepSettings};
pub use stylegan_augment::{AdaHeuristic, AdaPipeline, AdaState, DiffAugment};
pub use stylegan_losses::PathLength;
pub use training::{InitFrom, Scheduled, SnapshotMetric, Taken, TrainError, Training};
