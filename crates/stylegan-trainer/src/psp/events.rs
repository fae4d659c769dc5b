//! What a run tells whoever watches it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PspEvent {
    /// Everything is ready; the first step follows.
    Started {
        /// The run directory.
        run: PathBuf,
        /// Steps done by the run that is resumed.
        resumed_from: Option<u64>,
        /// Steps in all.
        steps: u64,
        /// The data set in words.
        dataset: String,
        /// Trained scalars of the encoder, and of the decoder where it is trained.
        parameters: (usize, usize),
    },
    /// Something that the user should know: what stands for what, what begins from nothing.
    Note(String),
    /// A step was done. These come often; whoever shows them may leave some out.
    Step(PspProgress),
    /// Means since the last report, as written to `stats.jsonl`.
    Report(PspProgress),
    /// The terms on images that are not trained on, in evaluation mode.
    Measured(PspProgress),
    /// A picture was written: inputs, outputs, targets.
    Picture(PathBuf),
    /// A snapshot was written.
    Snapshot {
        /// Its folder.
        path: PathBuf,
        /// Steps done.
        step: u64,
    },
    /// A step was skipped, because a gradient was not finite.
    Skipped {
        /// The step.
        step: u64,
        /// The parameter whose gradient it was.
        parameter: String,
    },
    /// The run ended.
    Finished(PspFinished),
}

/// The numbers of a step, of a report, or of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PspProgress {
    /// Images seen.
    pub images: u64,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Whether this was measured on images that are not trained on.
    pub held_out: bool,
    /// The weighted sum.
    pub loss: f64,
    /// Every term before it is weighted.
    pub terms: BTreeMap<&'static str, f64>,
    /// The learning rate.
    pub learning_rate: f64,
    /// Images a second in this session.
    pub images_per_second: f64,
    /// Seconds of training, without interruptions.
    pub seconds: f64,
    /// Seconds that are left, at this pace.
    pub eta_seconds: Option<f64>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct PspFinished {
    /// The run directory.
    pub run: PathBuf,
    /// Steps done.
    pub step: u64,
    /// Whether it was asked to stop before the last step.
    pub stopped: bool,
    /// The time of this session.
    pub time: Duration,
}

/// Whoever watches a run.
pub trait PspObserver {
    /// Called with every event, on the training thread.
    fn notice(&mut self, event: &PspEvent);
}

impl<F: FnMut(&PspEvent)> PspObserver for F {
    fn notice(&mut self, event: &PspEvent) {
        self(event);
    }
}

impl fmt::Display for PspProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}/{}, loss {:.4}", self.step, self.steps, self.loss)?;
        for (name, term) in &self.terms {
            write!(f, ", {name} {term:.4}")?;
        }
        if self.held_out {
            return f.write_str(", on images not trained on");
        }
        write!(f, ", {:.1} images/s", self.images_per_second)
    }
}

impl fmt::Display for PspEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { run, resumed_from, steps, dataset, parameters } => {
                match resumed_from {
                    Some(step) => write!(f, "resuming {} at step {step}", run.display())?,
                    None => write!(f, "training in {}", run.display())?,
                }
                let millions = |count: usize| count as f64 / 1e6;
                write!(
                    f,
                    ", {steps} steps, on {dataset}; encoder of {:.2} million parameters",
                    millions(parameters.0)
                )?;
                match parameters.1 {
                    0 => f.write_str(", the decoder stays as it is"),
                    decoder => write!(f, ", decoder of {:.2} million", millions(decoder)),
                }
            }
            Self::Note(note) => f.write_str(note),
            Self::Step(progress) | Self::Report(progress) | Self::Measured(progress) => {
                progress.fmt(f)
            }
            Self::Picture(path) => write!(f, "picture {}", path.display()),
            Self::Snapshot { path, .. } => write!(f, "snapshot {}", path.display()),
            Self::Skipped { step, parameter } => {
                write!(f, "step {step} skipped: the gradient of {parameter} is not finite")
            }
            Self::Finished(PspFinished { step, stopped, time, .. }) => {
                let how = if *stopped { "stopped" } else { "finished" };
                write!(f, "{how} at step {step} after {:.0} s", time.as_secs_f64())
            }
        }
    }
}
