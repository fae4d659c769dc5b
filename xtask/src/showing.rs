//! Showing a run of any training: a bar with the time left on a terminal, plain lines elsewhere, JSON objects for programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde::Serialize;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::{duration, style, target};

/// How often a plain line is printed where no bar moves.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// What the watchers of runs show with.
pub struct Showing {
    printer: Printer,
    bar: ProgressBar,
    said: Instant,
    snapshot: Option<PathBuf>,
    printed: Result<(), Failure>,
    stop: Arc<AtomicBool>,
}

impl Showing {
    /// Sets `stop` when nobody reads the data any more.
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
    pub fn line(&mut self, line: &str) {
        self.said = Instant::now();
        self.bar.suspend(|| self.printer.note(line));
    }

    /// A step of many, in words.
    pub fn step(&mut self, (done, total): (u64, u64), said: String) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if !self.printer.terminal() && self.said.elapsed() >= PLAIN_INTERVAL {
            self.line(&said);
        }
        self.bar.set_message(said);
    }

    /// Numbers for programs.
    pub fn data(&mut self, numbers: &impl Serialize) {
        if self.printer.json() && self.printed.is_ok() {
            self.printed = self.printer.data("", numbers);
            if self.printed.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// A snapshot was written.
    pub fn snapshot(&mut self, path: &Path) {
        self.snapshot = Some(path.to_owned());
        self.line(&format!("snapshot: {}", path.display()));
    }
}

/// The time left as the end of a line; nothing where it is not known.
pub fn left(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!(", {} left", duration(seconds)))
}
