//! Showing a run: a bar with the time left on a terminal, plain lines elsewhere, one JSON object a
//! tick for programs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use stylegan_trainer::events::{Event, Observer, Progress, Started};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::{duration, style, target};

/// How often a plain line is printed within a tick.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// The watcher of one run.
pub struct Watch {
    printer: Printer,
    bar: ProgressBar,
    said: Instant,
    snapshot: Option<PathBuf>,
    printed: Result<(), Failure>,
    stop: Arc<AtomicBool>,
    ticked: bool,
}

impl Watch {
    /// A watcher that sets `stop` when nobody reads the data any more.
    pub fn new(printer: Printer, stop: Arc<AtomicBool>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target(printer));
        bar.set_style(style("{bar:20} {msg}"));
        Self {
            printer,
            bar,
            said: Instant::now(),
            snapshot: None,
            printed: Ok(()),
            stop,
            ticked: false,
        }
    }

    /// Ends the bar; gives the folder of the last snapshot, and what became of the data printed.
    pub fn close(self) -> (Option<PathBuf>, Result<(), Failure>) {
        self.bar.finish_and_clear();
        (self.snapshot, self.printed)
    }

    /// A line that stays, above the bar.
    fn line(&mut self, line: &str) {
        self.said = Instant::now();
        self.bar.suspend(|| self.printer.note(line));
    }

    fn started(&mut self, started: &Started) {
        self.bar.set_length(started.total);
        let estimate = &started.estimate;
        self.line(&format!("run: {}", started.run.display()));
        self.line(&format!("data: {}", started.dataset));
        let millions = |count: usize| count as f64 / 1e6;
        self.line(&format!(
            "networks: {:.2} million parameters in the generator, {:.2} in the discriminator",
            millions(estimate.generator_parameters),
            millions(estimate.discriminator_parameters),
        ));
        let time = estimate.time.map_or(f64::NAN, |time| time.as_secs_f64());
        self.line(&format!(
            "estimate: about {:.0} MB of memory, about {} for {} kimg",
            estimate.bytes() as f64 / 1e6,
            duration(time),
            started.total as f64 / 1000.0,
        ));
        if let Some(images) = started.resumed_from {
            self.line(&format!("resumed at {:.1} kimg", images as f64 / 1000.0));
        }
    }

    fn step(&mut self, progress: &Progress) {
        let said = numbers(progress);
        self.bar.set_position(progress.images);
        self.bar.set_message(said.clone());
        if !self.printer.terminal() && self.said.elapsed() >= PLAIN_INTERVAL {
            self.line(&said);
        }
    }

    fn tick(&mut self, progress: &Progress) {
        self.ticked = true;
        self.line(&numbers(progress));
        if self.printer.json() && self.printed.is_ok() {
            self.printed = self.printer.data("", progress);
            if self.printed.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Observer for Watch {
    fn notice(&mut self, event: &Event) {
        match event {
            Event::Started(started) => self.started(started),
            Event::Step(progress) => self.step(progress),
            Event::Tick(progress) => self.tick(progress),
            Event::Snapshot { path, .. } => {
                self.snapshot = Some(path.clone());
                self.line(&format!("snapshot: {}", path.display()));
            }
            // One line for the first of each kind: later ones lie beside them.
            Event::Grid { path } if !self.ticked => {
                self.line(&format!("images: {}", path.display()));
            }
            Event::Skipped { images, parameter, in_a_row } => self.line(&format!(
                "warning: a step was skipped at {images} images, {in_a_row} in a row: the \
                 gradient of {parameter} is not finite"
            )),
            Event::RolledBack { from, to } => self.line(&format!(
                "warning: went back from {from} images to the snapshot at {to}, since too many \
                 steps in a row were skipped"
            )),
            Event::Measured(measured) => self.line(&measured.to_string()),
            Event::Warning(warning) => self.line(&format!("warning: {warning}")),
            // The command says so itself, when the files are written.
            _ => {}
        }
    }
}

/// The numbers of a step or a tick in one line.
fn numbers(progress: &Progress) -> String {
    let Progress { resolution, lod, generator_loss, discriminator_loss, .. } = progress;
    let kimg = |images: u64| images as f64 / 1000.0;
    let left = match progress.eta_seconds {
        Some(seconds) => format!(", {} left", duration(seconds)),
        None => String::new(),
    };
    format!(
        "{:.1}/{} kimg, {resolution}x{resolution}, lod {lod:.2}, loss G {generator_loss:.3} D \
         {discriminator_loss:.3}, {:.0} images/s{left}",
        kimg(progress.images),
        kimg(progress.total),
        progress.images_per_second,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_what_one_watches() {
        let progress = Progress {
            images: 12_340,
            total: 240_000,
            lod: 1.25,
            resolution: 16,
            minibatch: 16,
            learning_rate: 0.002,
            generator_loss: 0.7,
            discriminator_loss: 1.25,
            real_score: 0.1,
            fake_score: -0.1,
            penalty: 0.01,
            path_length: 0.0,
            augment_p: 0.0,
            r_t: 0.0,
            skipped: 0,
            images_per_second: 210.4,
            seconds: 60.0,
            eta_seconds: Some(600.0),
        };
        assert_eq!(
            numbers(&progress),
            "12.3/240 kimg, 16x16, lod 1.25, loss G 0.700 D 1.250, 210 images/s, 10 min 00 s left"
        );
    }
}
