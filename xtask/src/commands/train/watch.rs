//! Showing a run of a generator.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use stylegan_trainer::events::{Event, Observer, Progress, Started};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::duration;
use crate::showing::{Showing, left};

/// The watcher of one run.
pub struct Watch {
    showing: Showing,
    ticked: bool,
}

impl Watch {
    /// A watcher that sets `stop` when nobody reads the data any more.
    pub fn new(printer: Printer, stop: Arc<AtomicBool>) -> Self {
        Self { showing: Showing::new(printer, stop), ticked: false }
    }

    /// Ends the bar; gives the folder of the last snapshot, and what became of the data printed.
    pub fn close(self) -> (Option<PathBuf>, Result<(), Failure>) {
        self.showing.close()
    }

    fn started(&mut self, started: &Started) {
        let estimate = &started.estimate;
        self.showing.line(&format!("run: {}", started.run.display()));
        self.showing.line(&format!("data: {}", started.dataset));
        let millions = |count: usize| count as f64 / 1e6;
        self.showing.line(&format!(
            "networks: {:.2} million parameters in the generator, {:.2} in the discriminator",
            millions(estimate.generator_parameters),
            millions(estimate.discriminator_parameters),
        ));
        let time = estimate.time.map_or(f64::NAN, |time| time.as_secs_f64());
        self.showing.line(&format!(
            "estimate: about {:.0} MB of memory, about {} for {} kimg",
            estimate.bytes() as f64 / 1e6,
            duration(time),
            started.total as f64 / 1000.0,
        ));
        if let Some(images) = started.resumed_from {
            self.showing.line(&format!("resumed at {:.1} kimg", images as f64 / 1000.0));
        }
    }

    fn tick(&mut self, progress: &Progress) {
        self.ticked = true;
        self.showing.line(&numbers(progress));
        self.showing.data(progress);
    }
}

impl Observer for Watch {
    fn notice(&mut self, event: &Event) {
        match event {
            Event::Started(started) => self.started(started),
            Event::Step(progress) => {
                self.showing.step((progress.images, progress.total), numbers(progress));
            }
            Event::Tick(progress) => self.tick(progress),
            Event::Snapshot { path, .. } => self.showing.snapshot(path),
            // One line for the first of each kind: later ones lie beside them.
            Event::Grid { path } if !self.ticked => {
                self.showing.line(&format!("images: {}", path.display()));
            }
            Event::Skipped { images, parameter, in_a_row } => self.showing.line(&format!(
                "warning: a step was skipped at {images} images, {in_a_row} in a row: the \
                 gradient of {parameter} is not finite"
            )),
            Event::LossScaled { .. } => self.showing.line(&event.to_string()),
            Event::RolledBack { from, to } => self.showing.line(&format!(
                "warning: went back from {from} images to the snapshot at {to}, since too many \
                 steps in a row were skipped"
            )),
            Event::Measured(measured) => self.showing.line(&measured.to_string()),
            Event::Warning(warning) => self.showing.line(&format!("warning: {warning}")),
            // The command says so itself, when the files are written.
            _ => {}
        }
    }
}

/// The numbers of a step or a tick in one line.
fn numbers(progress: &Progress) -> String {
    let Progress { resolution, lod, generator_loss, discriminator_loss, .. } = progress;
    let kimg = |images: u64| images as f64 / 1000.0;
    let left = left(progress.eta_seconds);
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
            diversity: 1.0,
            skipped: 0,
            loss_scale: None,
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
