//! `cargo xtask data compare`: how two collections differ.

use serde::Serialize;
use stylegan_dataset::look::{Difference, compare};

use crate::collection::{Bar, open};
use crate::failure::Failure;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The first collection
    #[arg(value_name = "A")]
    pub first: String,
    /// The second collection; image n of one is compared with image n of the other
    #[arg(value_name = "B")]
    pub second: String,
    /// The sub-folders of folders are classes
    #[arg(long)]
    pub classes: bool,
    /// Go on with a difference of values up to this: JPEG differs by a few
    #[arg(long, value_name = "MEAN", default_value_t = 0.0)]
    pub tolerance: f64,
    /// Compare pixels only
    #[arg(long)]
    pub no_labels: bool,
}

#[derive(Serialize)]
struct Line {
    images: [usize; 2],
    other_sizes: usize,
    differing: usize,
    largest: u8,
    mean: f64,
    label_dims: [usize; 2],
    other_labels: usize,
    same: bool,
}

/// Compares and prints.
///
/// # Errors
///
/// When a collection does not open, or they differ.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let (a, b) = (open(&args.first, args.classes)?, open(&args.second, args.classes)?);
    let bar = Bar::new(printer, "images compared");
    let mut found = compare(a.as_ref(), b.as_ref(), &|at| bar.report(at));
    drop(bar);
    if args.no_labels {
        (found.labels, found.label_dims) = (0, [0, 0]);
    }
    let first = found.first.clone().or_else(|| found.unlike.first().cloned());
    if found.unlike.is_empty() && found.mean <= args.tolerance {
        found.differing = 0;
    }
    let same = found.is_none();
    let Difference { images, unlike, differing, largest, mean, labels, label_dims, .. } = found;
    let line = Line {
        images,
        other_sizes: unlike.len(),
        differing,
        largest,
        mean,
        label_dims,
        other_labels: labels,
        same,
    };
    let plain = format!(
        "{} and {} images: {differing} differ in pixels (largest difference {largest}, mean {mean:.4}), \
         {} in size, {labels} in labels (of {} and {} values)",
        images[0],
        images[1],
        unlike.len(),
        label_dims[0],
        label_dims[1]
    );
    printer.data(&plain, &line)?;
    if same {
        return Ok(());
    }
    let said = match first {
        Some((a, b)) => format!("the collections differ; the first images that do are {a} and {b}"),
        None => "the collections differ".to_owned(),
    };
    Err(Failure::user(said)
        .hint("--tolerance allows for a mean difference, --no-labels leaves labels out"))
}
