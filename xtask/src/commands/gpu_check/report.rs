//! What was compared, line by line.

use std::fmt::Write;

/// The report as it grows.
#[derive(Default)]
pub struct Report {
    lines: String,
    comparisons: usize,
    failures: usize,
}

impl Report {
    /// Adds a line that is no comparison.
    pub fn note(&mut self, line: &str) {
        self.lines.push_str(line);
        self.lines.push('\n');
    }

    /// Adds a relative error and how large it may be. A NaN fails.
    pub fn compare(&mut self, what: &str, error: f64, tolerance: f64) {
        let passed = error <= tolerance;
        self.verdict(what, passed, &format!("{error:.2e} of at most {tolerance:e}"));
    }

    /// Adds a comparison with its outcome in words.
    pub fn verdict(&mut self, what: &str, passed: bool, said: &str) {
        self.comparisons += 1;
        self.failures += usize::from(!passed);
        let mark = if passed { "ok  " } else { "FAIL" };
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{mark} {what}: {said}");
    }

    /// How many comparisons there were.
    pub fn comparisons(&self) -> usize {
        self.comparisons
    }

    /// How many failed.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// All lines, the verdict first.
    pub fn text(&self) -> String {
        let Self { lines, comparisons, failures } = self;
        format!("{} of {comparisons} comparisons passed\n{lines}", comparisons - failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_far_or_no_number_fails() {
        let mut report = Report::default();
        report.compare("near", 1e-6, 1e-4);
        report.compare("far", 1e-3, 1e-4);
        report.compare("none", f64::NAN, 1e-4);
        assert_eq!((report.comparisons(), report.failures()), (3, 2));
        let text = report.text();
        assert!(text.starts_with("1 of 3 comparisons passed\nok   near"), "{text}");
        assert!(text.contains("FAIL far: 1.00e-3 of at most 1e-4"), "{text}");
    }
}
