//! Showing a run: a bar with the time left on a terminal, plain lines elsewhere, one JSON object a report for programs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use stylegan_trainer::psp::{PspEvent, PspObserver, PspProgress};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::{duration, style, target};

/// How often a plain line is printed between reports.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// The watcher of one run.
pub struct Watch {
    printer: Printer,
    bar: ProgressBar,
    said: Instant,
    snapshot: Option<PathBuf>,
    printed: Result<(), Failure>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    /// A watcher that sets `stop` when nobody reads the data any more.
    pub fn new(printer: Printer, stop: Arc<AtomicBool>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target(printer));
        bar.set_style(style("{bar:20} {msg}"));
        Self { printer, bar, said: Instant::now(), snapshot: None, printed: Ok(()), stop }
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

    fn step(&mut self, progress: &PspProgress) {
        let left = match progress.eta_seconds {
            Some(seconds) => format!(", {} left", duration(seconds)),
            None => String::new(),
        };
        let said = format!("{progress}{left}");
        self.bar.set_length(progress.steps);
        self.bar.set_position(progress.step);
        self.bar.set_message(said.clone());
        if !self.printer.terminal() && self.said.elapsed() >= PLAIN_INTERVAL {
            self.line(&said);
        }
    }

    /// For programs.
    fn data(&mut self, progress: &PspProgress) {
        if self.printer.json() && self.printed.is_ok() {
            self.printed = self.printer.data("", progress);
            if self.printed.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl PspObserver for Watch {
    fn notice(&mut self, event: &PspEvent) {
        match event {
            PspEvent::Step(progress) => self.step(progress),
            PspEvent::Report(progress) => self.data(progress),
            PspEvent::Measured(progress) => {
                self.line(&progress.to_string());
                self.data(progress);
            }
            PspEvent::Snapshot { path, .. } => {
                self.snapshot = Some(path.clone());
                self.line(&event.to_string());
            }
            // The command says so itself, when the files are written.
            PspEvent::Finished(_) => {}
            _ => self.line(&event.to_string()),
        }
    }
}
