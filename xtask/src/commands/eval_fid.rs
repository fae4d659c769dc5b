//! `cargo xtask eval-fid`: the Fréchet inception distance alone.

use crate::commands::eval::{self, Setting};
use crate::failure::Failure;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// What is compared with what, and how much of it.
    #[command(flatten)]
    pub setting: Setting,
}

/// Measures and prints.
///
/// # Errors
///
/// As `cargo xtask eval`.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    eval::fid(&args.setting, printer)
}
