//! The one place that prints: data on standard output, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Where a command's words go.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    json: bool,
    terminal: bool,
    silent: bool,
}

impl Printer {
    /// `json`: data are printed as one JSON object a line.
    pub fn new(json: bool) -> Self {
        Self { json, terminal: io::stderr().is_terminal(), silent: false }
    }

    /// One that prints nothing: of several ranks, the first speaks for all.
    pub fn silent(self) -> Self {
        Self { terminal: false, silent: true, ..self }
    }

    /// Whether a program reads our standard output.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether a person watches standard error, so that a line may be redrawn.
    pub fn terminal(&self) -> bool {
        self.terminal
    }

    /// Prints data: `plain` for people, `value` as JSON when asked for.
    ///
    /// # Errors
    ///
    /// When standard output is closed.
    pub fn data<T: Serialize>(&self, plain: &str, value: &T) -> Result<(), Failure> {
        if self.json {
            self.line(&serde_json::to_string(value).map_err(Failure::program)?)
        } else {
            self.line(plain)
        }
    }

    /// Prints a line of data as it is.
    ///
    /// # Errors
    ///
    /// When standard output is closed.
    pub fn line(&self, line: &str) -> Result<(), Failure> {
        if self.silent {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::reader_gone()),
            Err(error) => Err(Failure::user_error(error).hint("check where the output goes")),
        }
    }

    /// Tells the person who watches something that is not data. Failing to is no failure.
    pub fn note(&self, line: &str) {
        if !self.silent {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }
}
