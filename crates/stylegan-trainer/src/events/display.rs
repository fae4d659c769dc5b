//! Events as lines of text: what a log holds, and a terminal without a progress bar shows.

use std::fmt;
use std::time::Duration;

use super::{Event, Finished, Measured, Progress, Started};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(started) => started.fmt(f),
            Self::Step(progress) | Self::Tick(progress) => progress.fmt(f),
            Self::Snapshot { path, .. } => write!(f, "snapshot {}", path.display()),
            Self::Measured(measured) => measured.fmt(f),
            Self::Grid { path } => write!(f, "picture {}", path.display()),
            Self::Skipped { images, parameter, in_a_row } => write!(
                f,
                "step skipped at {images} images ({in_a_row} in a row): the gradient of \
                 {parameter} is not finite"
            ),
            Self::LossScaled { images, parameter, scale } => write!(
                f,
                "step skipped at {images} images: the gradient of {parameter} leaves float16; \
                 losses are scaled by {scale} from now on"
            ),
            Self::RolledBack { from, to } => {
                write!(f, "went back from {from} to {to} images, where the last snapshot is")
            }
            Self::Warning(warning) => write!(f, "warning: {warning}"),
            Self::Finished(finished) => finished.fmt(f),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let random = if self.random { " (random features)" } else { "" };
        let best = if self.is_best { ", the best so far" } else { "" };
        let Self { metric, value, images, .. } = self;
        write!(f, "{metric}{random} {value:.4} at {} kimg{best}", kimg(*images))
    }
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let estimate = &self.estimate;
        let millions = |n: usize| n as f64 / 1e6;
        match self.resumed_from {
            Some(images) => write!(f, "resuming {} at {} kimg", self.run.display(), kimg(images))?,
            None => write!(f, "training in {}", self.run.display())?,
        }
        write!(
            f,
            ", {} kimg in all, on {}; generator {:.2} M and discriminator {:.2} M parameters, \
             about {} of memory",
            kimg(self.total),
            self.dataset,
            millions(estimate.generator_parameters),
            millions(estimate.discriminator_parameters),
            memory(estimate.bytes()),
        )?;
        match estimate.time {
            Some(time) => write!(f, ", about {} in all", duration(time)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} kimg, {} px, lod {:.2}, G {:.3}, D {:.3}, scores {:+.2} real {:+.2} fake, \
             diversity {:.2}, {:.1} img/s",
            kimg(self.images),
            kimg(self.total),
            self.resolution,
            self.lod,
            self.generator_loss,
            self.discriminator_loss,
            self.real_score,
            self.fake_score,
            self.diversity,
            self.images_per_second,
        )?;
        match self.eta_seconds {
            Some(eta) => write!(f, ", ETA {}", duration(Duration::from_secs_f64(eta.max(0.0)))),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.stopped { "stopped" } else { "finished" };
        write!(f, "{how} at {} kimg after {}", kimg(self.images), duration(self.time))
    }
}

/// Thousands of images, with one digit where they are few.
fn kimg(images: u64) -> String {
    let kimg = images as f64 / 1000.0;
    if images.is_multiple_of(1000) || kimg >= 1000.0 {
        format!("{kimg:.0}")
    } else {
        format!("{kimg:.1}")
    }
}

/// Bytes as people read them.
fn memory(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 1024.0 { format!("{:.1} GiB", mib / 1024.0) } else { format!("{mib:.0} MiB") }
}

/// The two largest units of a time.
fn duration(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        3600..86400 => format!("{} h {:02} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {:02} h", s / 86400, s / 3600 % 24),
    }
}
