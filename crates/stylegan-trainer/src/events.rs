//! What a run tells whoever watches it.

mod display;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::estimate::Estimate;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Everything is ready; the first step follows.
    Started(Started),
    /// A step was done. These come often; whoever shows them may leave some out.
    Step(Progress),
    /// A tick is over: the same numbers, as means over the tick, as written to `stats.jsonl`.
    Tick(Progress),
    /// A snapshot was written.
    Snapshot {
        /// Its folder.
        path: PathBuf,
        /// Real images seen.
        images: u64,
    },
    /// A snapshot was measured.
    Measured(Measured),
    /// A grid of images was written.
    Grid {
        /// Its file.
        path: PathBuf,
    },
    /// A step was skipped, because a gradient was not finite.
    Skipped {
        /// Real images seen.
        images: u64,
        /// The parameter whose gradient it was.
        parameter: String,
        /// How many steps were skipped one after another.
        in_a_row: usize,
    },
    /// A step was skipped, because a gradient of the scaled losses was not finite: from now on they are scaled less.
    LossScaled {
        /// Real images seen.
        images: u64,
        /// The parameter whose gradient it was.
        parameter: String,
        /// What losses are multiplied with now.
        scale: f64,
    },
    /// Too many steps in a row were skipped; training goes on from an earlier snapshot.
    RolledBack {
        /// Real images seen before.
        from: u64,
        /// Real images that the snapshot had seen.
        to: u64,
    },
    /// Something that the user should know.
    Warning(String),
    /// The run ended.
    Finished(Finished),
}

/// A metric of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Real images seen.
    pub images: u64,
    /// The metric.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// Whether a network with random weights took part.
    pub random: bool,
    /// Whether it is the best so far.
    pub is_best: bool,
}

/// How a run begins.
#[derive(Debug, Clone)]
pub struct Started {
    /// The run directory.
    pub run: PathBuf,
    /// Real images seen by the run that is resumed.
    pub resumed_from: Option<u64>,
    /// Real images to be seen in all.
    pub total: u64,
    /// The data set in words.
    pub dataset: String,
    /// What the run will take.
    pub estimate: Estimate,
}

/// The numbers of a step, or of a tick.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Real images seen.
    pub images: u64,
    /// Real images to be seen in all.
    pub total: u64,
    /// Level of detail.
    pub lod: f64,
    /// Resolution of the newest block.
    pub resolution: usize,
    /// Images a batch.
    pub minibatch: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// The generator's loss.
    pub generator_loss: f64,
    /// The discriminator's loss, with the penalties that are part of its step.
    pub discriminator_loss: f64,
    /// Mean score of real images.
    pub real_score: f64,
    /// Mean score of generated images.
    pub fake_score: f64,
    /// The penalties at real and generated images, part of that loss or in a step of their own.
    pub penalty: f64,
    /// The running mean of path lengths; 0 without that regularisation.
    pub path_length: f64,
    /// The probability of each transformation of the augmentation pipeline; 0 without it.
    pub augment_p: f64,
    /// The mean sign of the scores of real images: towards 1 the discriminator knows them by heart.
    pub r_t: f64,
    /// How much generated images differ from one another, beside real ones: about 1 where they are as varied, towards 0 where they
    /// share their outlines or details, as those of a collapsed generator do.
    pub diversity: f64,
    /// Steps skipped so far, because a gradient was not finite.
    pub skipped: u64,
    /// What losses were multiplied with; none where they are not scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f64>,
    /// Real images a second.
    pub images_per_second: f64,
    /// Seconds that the run took so far, without interruptions.
    pub seconds: f64,
    /// Seconds that remain, as far as can be told.
    pub eta_seconds: Option<f64>,
}

/// How a run ends.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The run directory.
    pub run: PathBuf,
    /// Real images seen.
    pub images: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Time spent in this session.
    pub time: Duration,
}

/// Whoever watches a run: the command line's printer, a test, a program that trains.
///
/// A closure that takes `&Event` is an observer.
pub trait Observer {
    /// Takes notice of an event. Called between steps, by the thread that trains: it should return soon.
    fn notice(&mut self, event: &Event);
}

impl<F: FnMut(&Event)> Observer for F {
    fn notice(&mut self, event: &Event) {
        self(event);
    }
}

/// An observer that does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn notice(&mut self, _: &Event) {}
}
