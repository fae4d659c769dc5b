//! What a run will take, before it starts: parameters, memory, time.
//!
//! Parameters are exact. Memory and time follow from the shapes of the layers and are meant for "does it fit" and "minutes
//! or days": see [`Estimate`].

use std::time::Duration;

use stylegan_losses::DiscriminatorLoss;
use stylegan_progressive::{Schedule, State};

use crate::config::{ConfigError, TrainConfig};

mod machine;
mod memory;
mod shapes;
mod stylegan2;

pub use machine::Machine;
pub use memory::Misfit;
use shapes::Shapes;

/// What a run will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Trained scalars of the generator.
    pub generator_parameters: usize,
    /// Trained scalars of the discriminator.
    pub discriminator_parameters: usize,
    /// Bytes that stay all along: weights, gradients, Adam's moments, the moving average.
    pub parameter_bytes: u64,
    /// Bytes of activations in the largest step.
    pub activation_bytes: u64,
    /// Floating-point operations of the whole run.
    pub operations: f64,
    /// Time of the whole run, if a [`Machine`] was given.
    pub time: Option<Duration>,
}

impl Estimate {
    /// Bytes in all.
    pub fn bytes(&self) -> u64 {
        self.parameter_bytes + self.activation_bytes
    }
}

/// The work of a run as a function of the images seen: for its estimate, and for the time that remains, which the pace at
/// 8x8 would tell badly.
#[derive(Debug, Clone)]
pub struct Workload {
    config: TrainConfig,
    schedule: Schedule,
    shapes: Shapes,
}

/// The work of training on one real image.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Work {
    /// Floating-point operations of convolutions and matrix products.
    operations: f64,
    /// Bytes moved by everything else.
    bytes: f64,
}

impl Work {
    fn times(self, factor: f64) -> Self {
        Self { operations: self.operations * factor, bytes: self.bytes * factor }
    }

    fn plus(self, other: Self) -> Self {
        Self { operations: self.operations + other.operations, bytes: self.bytes + other.bytes }
    }

    fn seconds(self, machine: &Machine) -> f64 {
        self.operations / machine.operations_per_second + self.bytes / machine.bytes_per_second
    }
}

impl Workload {
    /// The workload of a valid configuration, with labels of `label_dim` components.
    ///
    /// # Errors
    /// [`ConfigError::Schedule`].
    pub fn new(config: &TrainConfig, label_dim: usize) -> Result<Self, ConfigError> {
        let schedule = config.schedule()?;
        let generator = config.generator_config(label_dim);
        let discriminator = config.discriminator_config(label_dim);
        let shapes = Shapes::new(&generator, &discriminator, config.precision.precision());
        Ok(Self { config: config.clone(), schedule, shapes })
    }

    /// The estimate of the whole run, with its time on `machine`.
    pub fn estimate(&self, machine: Option<&Machine>) -> Estimate {
        let (generator, discriminator) = self.shapes.parameters();
        let moments = if self.config.optimizer.beta1 == 0.0 { 1 } else { 2 };
        // Weights, gradients and moments of both; the generator's average.
        let scalars = (generator + discriminator) * (2 + moments) + generator;
        let at_once = self.config.schedule.parts_at_once;
        let largest = self.phases().map(|(_, _, state)| {
            let parts = self.config.parts(state.resolution, state.minibatch);
            self.activations(&state, &parts, at_once)
        });
        let largest = largest.max();
        let work = self.work(0, self.config.total_images());
        Estimate {
            generator_parameters: generator,
            discriminator_parameters: discriminator,
            parameter_bytes: 4 * scalars as u64,
            activation_bytes: largest.unwrap_or(0),
            operations: work.operations,
            time: machine.map(|machine| Duration::from_secs_f64(work.seconds(machine))),
        }
    }

    /// The thousands of images that a run of this configuration sees within so many hours on `machine`: at most a billion images.
    ///
    /// # Errors
    /// [`ConfigError::Schedule`].
    pub fn kimg_within(
        config: &TrainConfig,
        hours: f64,
        machine: &Machine,
    ) -> Result<f64, ConfigError> {
        let mut workload = Self::new(config, 0)?;
        // What an image takes only grows with the schedule, so that the time grows with the number of images.
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..60 {
            let middle: f64 = 0.5 * (low + high);
            workload.config.run.total_kimg = middle;
            let images = workload.config.total_images();
            let seconds = workload.work(0, images).seconds(machine);
            (low, high) = if seconds > hours * 3600.0 { (low, middle) } else { (middle, high) };
        }
        Ok(low)
    }

    /// The time that remains at `images` real images, when the images from `since` on took `elapsed`. None before there is
    /// anything to go by.
    pub fn remaining(&self, since: u64, images: u64, elapsed: Duration) -> Option<Duration> {
        // Only the ratio of operations to bytes matters here, not the machine.
        let machine = Machine::TYPICAL;
        let done = self.work(since, images).seconds(&machine);
        let left = self.work(images, self.config.total_images()).seconds(&machine);
        (done > 0.0).then(|| elapsed.mul_f64(left / done))
    }

    /// The work from `from` to `to` real images.
    fn work(&self, from: u64, to: u64) -> Work {
        let parts = self.phases().map(|(start, end, state)| {
            let images = end.min(to).saturating_sub(start.max(from));
            self.per_image(&state).times(images as f64)
        });
        parts.fold(Work::default(), Work::plus)
    }

    /// First and last image, and a state, of each stretch of the schedule.
    fn phases(&self) -> impl Iterator<Item = (u64, u64, State)> {
        let total = self.config.total_images();
        let phases = self.schedule.phases();
        let ends: Vec<u64> =
            phases.iter().skip(1).map(|(start, _)| *start).chain([u64::MAX]).collect();
        let phases = phases.into_iter().zip(ends).map(|((start, state), end)| (start, end, state));
        phases.filter(move |(start, _, _)| *start < total)
    }

    /// The mean share of steps that have R1, and R2.
    fn penalty_shares(&self) -> [f64; 2] {
        let share = 1.0 / self.config.loss.penalty_interval.max(1) as f64;
        let of = |gamma: f64| if gamma == 0.0 { 0.0 } else { share };
        [of(self.config.loss.r1_gamma), of(self.config.loss.r2_gamma)]
    }

    /// The mean share of images that path lengths are measured of.
    fn path_length_share(&self) -> f64 {
        let l = &self.config.loss;
        let share =
            1.0 / (l.path_length_interval.max(1) as usize * l.path_length_shrink.max(1)) as f64;
        if l.path_length_weight > 0.0 { share } else { 0.0 }
    }

    fn has_gradient_penalty(&self) -> bool {
        matches!(
            self.config.discriminator_loss(),
            DiscriminatorLoss::WganGp { .. } | DiscriminatorLoss::HingeGp { .. }
        )
    }

    fn per_image(&self, state: &State) -> Work {
        let (generator, discriminator) = self.shapes.forward(state.level);
        // A pass backwards is two passes forwards: to the input and to the weights. An input gradient is one, and its own
        // pass backwards two.
        let penalties: f64 = self.penalty_shares().iter().sum::<f64>() * 3.0;
        let gradient_penalty = if self.has_gradient_penalty() { 6.0 } else { 0.0 };
        // The discriminator's step: images, scores of both kinds and back. The generator's: forwards and back, through the
        // discriminator to the images only.
        // Path length is a pass back to the styles, and back through both passes, on a part of the images.
        let g = 1.0 + 3.0 + 6.0 * self.path_length_share();
        let d = 6.0 + penalties + gradient_penalty + 2.0;
        let forward = generator.times(g).plus(discriminator.times(d));
        // The optimizers and the average pass over all parameters once a batch: read and write, five arrays.
        let (generator, discriminator) = self.shapes.parameters();
        let update = (generator + discriminator) as f64 * 4.0 * 7.0 / state.minibatch as f64;
        forward.plus(Work { operations: 0.0, bytes: update })
    }

    /// Bytes of activations kept for the pass backwards, in the larger of the two steps, of a batch in parts of which so many are computed at once.
    fn activations(&self, state: &State, parts: &[usize], at_once: usize) -> u64 {
        let mut parts = parts.to_vec();
        parts.sort_unstable_by(|a, b| b.cmp(a));
        let at_once: usize = parts.iter().take(at_once).sum();
        let (generator, discriminator) = self.shapes.activations(state.level);
        let [r1, r2] = self.penalty_shares().map(|share| if share > 0.0 { 1 } else { 0 });
        // An input gradient keeps about as much as the pass that it differentiates.
        let gp = if self.has_gradient_penalty() { 2 } else { 0 };
        let discriminator_step = discriminator * (2 + r1 + r2 + gp);
        let generator_step = generator + discriminator;
        let bytes = at_once * discriminator_step.max(generator_step);
        // A quarter more for gradients on their way back and the kernels' workspaces, as measured.
        bytes as u64 * 5 / 4
    }
}

#[cfg(test)]
mod tests;
