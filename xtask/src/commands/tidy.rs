//! `cargo xtask tidy`: the checks of [`crate::tidy`], for developers who do not want to wait for
//! the test that runs them.

use crate::failure::{Failure, OrFail};
use crate::printer::Printer;
use crate::tidy;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Prints every complaint; having any is a failure.
///
/// # Errors
///
/// When there is a complaint, or a file cannot be read.
pub fn run(_: &Args, printer: Printer) -> Result<(), Failure> {
    let complaints = tidy::check(&tidy::workspace_root()).or_user()?;
    for complaint in &complaints {
        printer.data(complaint, complaint)?;
    }
    match complaints.len() {
        0 => Ok(()),
        count => Err(Failure::user(format!("{count} complaints"))
            .hint("the rules and their reasons are in xtask/src/tidy/")),
    }
}
