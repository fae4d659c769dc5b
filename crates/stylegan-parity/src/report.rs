//! What the comparison of one case found.

use std::fmt;

use candle_core::Tensor;
use stylegan_testkit::{Tolerance, relative_error};

/// The comparisons of one case.
#[derive(Default)]
pub struct Report {
    compared: usize,
    worst_output: f64,
    worst_gradient: f64,
    failures: Vec<String>,
}

impl Report {
    /// Compares an output of a network.
    pub fn output(&mut self, name: &str, got: &Tensor, expected: &Tensor) {
        let error = self.compare(name, got, expected, Tolerance::OUTPUT.relative);
        self.worst_output = self.worst_output.max(error);
    }

    /// Compares a gradient.
    pub fn gradient(&mut self, name: &str, got: &Tensor, expected: &Tensor) {
        let error = self.compare(name, got, expected, Tolerance::GRADIENT.relative);
        self.worst_gradient = self.worst_gradient.max(error);
    }

    /// Compares the change of a parameter in training, which is held to its own tolerance.
    pub fn update(&mut self, name: &str, got: &Tensor, expected: &Tensor) {
        let error = self.compare(name, got, expected, 1e-2);
        self.worst_gradient = self.worst_gradient.max(error);
    }

    /// Compares an output of a network whose weights are kept in float16, with 11 bits, with that of the weights before.
    pub fn rounded_weights(&mut self, name: &str, got: &Tensor, expected: &Tensor) {
        self.compare(name, got, expected, 1e-3);
    }

    /// Counts a comparison that has no error to report.
    pub fn check(&mut self, name: &str, passed: bool) {
        self.compared += 1;
        if !passed {
            self.fail(format!("{name} differs"));
        }
    }

    /// Notes a failure.
    pub fn fail(&mut self, message: String) {
        self.failures.push(message);
    }

    /// All failures.
    pub fn failures(&self) -> impl Iterator<Item = &String> {
        self.failures.iter()
    }

    fn compare(&mut self, name: &str, got: &Tensor, expected: &Tensor, tolerance: f64) -> f64 {
        self.compared += 1;
        let error = relative_error(got, expected);
        // Written so that a NaN fails.
        let passed = error <= tolerance;
        if !passed {
            self.fail(format!(
                "{name}: relative error {error:.2e} exceeds {tolerance:.0e} ({:?} and {:?})",
                got.dims(),
                expected.dims()
            ));
        }
        error
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compared, worst_output, worst_gradient, failures } = self;
        write!(f, "{compared:4} compared, worst output {worst_output:.1e}")?;
        write!(f, ", gradient {worst_gradient:.1e}, {} failed", failures.len())
    }
}
