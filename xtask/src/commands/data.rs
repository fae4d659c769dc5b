//! `cargo xtask data`: looking at collections of images.

mod check;
mod compare;
mod extract;
mod list;
mod recipe;
mod show;
mod stats;

use clap::Subcommand;

use crate::failure::Failure;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What is done with collections. They are named as for training: a prepared set, a folder or zip
/// archive of images, TFRecords, an LMDB, MNIST's or CIFAR-10's files, or faces:COUNT@RESOLUTION.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Draw a contact sheet
    Show(show::Args),
    /// Count images, sizes, channels and classes; mean and spread; pairs that look alike
    Stats(stats::Args),
    /// Write the images as PNG files
    Extract(extract::Args),
    /// Say how two collections differ, image by image; exit code 1 if they do
    Compare(compare::Args),
    /// Verify the checksums of a prepared set, or read every image of anything else
    Check(check::Args),
    /// List the recipes of known data sets: origin, licence, size, how to prepare them
    List(list::Args),
}

/// Does it.
///
/// # Errors
///
/// When a collection cannot be used, or is not as it should be.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    match &args.action {
        Action::Show(args) => show::run(args, printer),
        Action::Stats(args) => stats::run(args, printer),
        Action::Extract(args) => extract::run(args, printer),
        Action::Compare(args) => compare::run(args, printer),
        Action::Check(args) => check::run(args, printer),
        Action::List(args) => list::run(args, printer),
    }
}
