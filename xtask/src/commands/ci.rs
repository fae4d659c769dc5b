//! `cargo xtask ci`: what continuous integration runs, on this machine.

use std::process::Command;

use crate::failure::{Failure, OrFail};
use crate::printer::Printer;
use crate::tidy;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs `.ci/run`, which holds the list of steps.
///
/// # Errors
///
/// When a step fails.
pub fn run(_: &Args, printer: Printer) -> Result<(), Failure> {
    let root = tidy::workspace_root();
    printer.note("running .ci/run");
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(&root)
        .status()
        .or_user_with(|| "cannot run `bash .ci/run`".to_owned())
        .map_err(|failure| failure.hint("the script needs bash; its lines can be run by hand"))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::user("a step of .ci/run failed").hint("the last lines above name the step"))
}
