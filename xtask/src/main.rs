//! The command line of the project: `cargo xtask <command>`.
//!
//! This package only parses what was typed, prints and calls. Each command is one file under
//! `commands/`: its arguments (what was typed), its settings (what that means) and its execution.

mod cli;
mod collection;
mod commands;
mod device;
mod drawing;
mod evaluating;
mod failure;
mod images;
mod interrupt;
mod labels;
mod libraries;
mod memory;
mod model;
mod output;
mod perceptual;
mod picture;
mod place;
mod precision;
mod printer;
mod progress;
mod ranks;
mod seeds;
mod showing;
mod target;
mod tidy;
mod weights;

use std::panic;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::printer::Printer;

/// Training allocates and frees many tensors of the same sizes; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The variable by which candle is told how many threads its pool for elementwise operations has.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Gives candle's pool no threads of its own unless somebody chose otherwise, however the program was started. They spin while they wait, and take the
/// processor from the threads of our kernels: small networks train at half the speed beside them.
fn leave_the_processor_to_our_kernels() {
    if std::env::var_os(CANDLE_THREADS).is_none() {
        // SAFETY: this is the first thing that `main` does; there is no other thread yet that could read the environment.
        unsafe { std::env::set_var(CANDLE_THREADS, "1") };
    }
}

fn main() -> ExitCode {
    leave_the_processor_to_our_kernels();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::report(&error),
    };
    let printer = Printer::new(cli.global.json);
    // The message of a panic has been printed when this returns; what is left is the exit code.
    let outcome = panic::catch_unwind(|| cli.run(printer))
        .unwrap_or_else(|_| Err(Failure::program("the command stopped in the middle")));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.is_news() {
                printer.note(&failure.to_string());
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
