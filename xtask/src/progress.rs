//! How far a command has come: a bar with the time left on a terminal, now and then a plain line
//! elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printer::Printer;

/// How often a plain line is printed where nobody redraws lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

/// A bar over a known number of things.
pub struct Progress {
    bar: ProgressBar,
    printer: Printer,
    what: &'static str,
    total: u64,
    done: u64,
    /// What was done before, where reports began later.
    first: Option<u64>,
    started: Instant,
    said: Instant,
}

impl Progress {
    /// A bar over `total` of `what`, such as `"pictures"`.
    pub fn new(printer: Printer, total: u64, what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), target(printer));
        bar.set_style(style(&format!("{{bar:30}} {{pos}}/{{len}} {what}, {{eta}} left {{msg}}")));
        let now = Instant::now();
        Self { bar, printer, what, total, done: 0, first: None, started: now, said: now }
    }

    /// `done` are done in all; reports of several threads may come out of order. The time left is
    /// that of what is done since the first report.
    pub fn reach(&mut self, done: u64) {
        if self.first.is_none() {
            self.first = Some(done.saturating_sub(1));
            self.bar.set_position(done);
            self.bar.reset_eta();
        }
        let more = done.saturating_sub(self.done);
        self.advance(more);
    }

    /// `count` more are done.
    pub fn advance(&mut self, count: u64) {
        self.done += count;
        self.bar.set_position(self.done);
        if !self.printer.terminal() && self.said.elapsed() >= PLAIN_INTERVAL {
            self.said = Instant::now();
            let seconds = self.started.elapsed().as_secs_f64();
            let here = (self.done - self.first.unwrap_or_default()).max(1);
            let left = seconds / here as f64 * self.total.saturating_sub(self.done) as f64;
            let (done, total, what) = (self.done, self.total, self.what);
            self.printer.note(&format!("{done}/{total} {what}, {} left", duration(left)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where bars are drawn: nowhere unless a person watches.
pub fn target(printer: Printer) -> ProgressDrawTarget {
    if printer.terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

/// A bar's style from a template known to be good.
pub fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// Seconds as people say them: `42 s`, `3 min 07 s`, `2 h 05 min`, `3 d 04 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    let seconds = seconds.round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (0, _, _) => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} d {:02} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_two_units() {
        for (seconds, said) in [
            (0.4, "0 s"),
            (42.0, "42 s"),
            (187.0, "3 min 07 s"),
            (7500.0, "2 h 05 min"),
            (273_600.0, "3 d 04 h"),
            (f64::INFINITY, "unknown"),
        ] {
            assert_eq!(duration(seconds), said);
        }
    }
}
