//! `cargo xtask data check`: whether a collection is whole.

use serde::Serialize;
use stylegan_dataset::look::stats;

use crate::collection::{Bar, open};
use crate::failure::Failure;
use crate::printer::Printer;

/// Bad images that are named.
const NAMED: usize = 20;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The collection
    #[arg(value_name = "SRC")]
    pub source: String,
}

#[derive(Serialize)]
struct Checked {
    images: usize,
    bad: Vec<(String, String)>,
    /// Whether there were checksums to verify, or only images to read.
    checksums: bool,
}

/// Checks and prints.
///
/// # Errors
///
/// When the collection does not open or is not whole.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let source = open(&args.source, false)?;
    let bar = Bar::new(printer, "images checked");
    let mut whole = true;
    let (bad, checksums) = match source.as_native() {
        Some(set) => {
            let damage = set.verify(&|at| bar.report(at));
            whole = !damage.digests;
            let reason = || String::from("its pixels, label or name are not what was written");
            (damage.images.into_iter().map(|(_, name)| (name, reason())).collect(), true)
        }
        None => (stats(source.as_ref(), None, &|at| bar.report(at)).bad, false),
    };
    drop(bar);
    let images = source.len();
    for (name, reason) in bad.iter().take(NAMED) {
        printer.note(&format!("{name}: {reason}"));
    }
    let count = bad.len();
    let plain = match (count, checksums) {
        (0, true) if whole => format!("all {images} images have the checksums that were written"),
        (0, true) => "the list of checksums is not what was written".to_owned(),
        (0, false) => format!("all {images} images can be read"),
        (_, true) => format!("{count} of {images} images are damaged"),
        (_, false) => format!("{count} of {images} images cannot be read"),
    };
    printer.data(&plain, &Checked { images, bad, checksums })?;
    if count == 0 && whole {
        return Ok(());
    }
    let hint = if checksums {
        "prepare the set again, or copy it again from where it is whole"
    } else {
        "repair or remove them, or leave them out with --skip-bad"
    };
    Err(Failure::user(plain).hint(hint))
}
