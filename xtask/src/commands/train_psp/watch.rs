//! Showing a run of an encoder.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use stylegan_trainer::psp::{PspEvent, PspObserver};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::showing::{Showing, left};

/// The watcher of one run.
pub struct Watch(Showing);

impl Watch {
    /// A watcher that sets `stop` when nobody reads the data any more.
    pub fn new(printer: Printer, stop: Arc<AtomicBool>) -> Self {
        Self(Showing::new(printer, stop))
    }

    /// Ends the bar; gives the folder of the last snapshot, and what became of the data printed.
    pub fn close(self) -> (Option<PathBuf>, Result<(), Failure>) {
        self.0.close()
    }
}

impl PspObserver for Watch {
    fn notice(&mut self, event: &PspEvent) {
        match event {
            PspEvent::Step(progress) => {
                let said = format!("{progress}{}", left(progress.eta_seconds));
                self.0.step((progress.step, progress.steps), said);
            }
            PspEvent::Report(progress) => self.0.data(progress),
            PspEvent::Measured(progress) => {
                self.0.line(&progress.to_string());
                self.0.data(progress);
            }
            PspEvent::Snapshot { path, .. } => self.0.snapshot(path),
            // The command says so itself, when the files are written.
            PspEvent::Finished(_) => {}
            _ => self.0.line(&event.to_string()),
        }
    }
}
