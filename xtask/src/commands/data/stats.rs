//! `cargo xtask data stats`: what is in a collection.

use serde::Serialize;
use stylegan_dataset::look::{Stats, stats};

use crate::collection::{Bar, open};
use crate::failure::Failure;
use crate::printer::Printer;

/// Lines of each list that are printed for people; `--json` has all.
const LISTED: usize = 20;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The collection
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Look for pairs that differ in at most so many of the 64 bits of a perceptual hash
    #[arg(long, value_name = "BITS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=7))]
    pub duplicates: u32,
    /// The sub-folders of a folder are classes
    #[arg(long)]
    pub classes: bool,
}

#[derive(Serialize)]
struct Line {
    images: usize,
    bad: Vec<(String, String)>,
    ignored: usize,
    /// Height, width, count.
    sizes: Vec<(usize, usize, usize)>,
    channels: Vec<(usize, usize)>,
    mean: [f64; 3],
    deviation: [f64; 3],
    classes: Vec<(String, usize)>,
    /// First, second, bits that differ.
    duplicates: Vec<(String, String, u32)>,
}

/// Counts and prints.
///
/// # Errors
///
/// When the collection does not open.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let source = open(&args.source, args.classes)?;
    let bar = Bar::new(printer, "images read");
    let found = stats(source.as_ref(), Some(args.duplicates), &|at| bar.report(at));
    drop(bar);
    let Stats { images, bad, ignored, sizes, channels, mean, deviation, classes, duplicates } =
        found;
    let line = Line {
        images,
        bad,
        ignored,
        sizes: sizes.into_iter().map(|((height, width), count)| (height, width, count)).collect(),
        channels: channels.into_iter().collect(),
        mean,
        deviation,
        classes,
        duplicates: duplicates
            .iter()
            .map(|pair| (source.name(pair.first), source.name(pair.second), pair.distance))
            .collect(),
    };
    printer.data(&plain(&source.describe(), &line), &line)
}

fn plain(source: &str, line: &Line) -> String {
    let Line { images, bad, ignored, .. } = line;
    let mut lines =
        vec![format!("{images} images of {source}; {} bad, {ignored} other files", bad.len())];
    let mut list = |title: &str, items: Vec<String>| {
        if items.is_empty() {
            return;
        }
        lines.push(format!("{title}:"));
        lines.extend(items.iter().take(LISTED).map(|item| format!("  {item}")));
        if items.len() > LISTED {
            lines.push(format!("  ... and {} more", items.len() - LISTED));
        }
    };
    let mut sizes = line.sizes.clone();
    sizes.sort_by_key(|&(_, _, count)| std::cmp::Reverse(count));
    list(
        "height x width",
        sizes.iter().map(|(h, w, count)| format!("{h} x {w}: {count}")).collect(),
    );
    let kind = |channels: usize| match channels {
        1 => "grey",
        3 => "RGB",
        _ => "with alpha",
    };
    let channels = line.channels.iter();
    list("channels", channels.map(|&(n, count)| format!("{}: {count}", kind(n))).collect());
    let round = |values: [f64; 3]| values.map(|value| format!("{value:.2}")).join(", ");
    list(
        "red, green, blue",
        vec![format!("mean {}", round(line.mean)), format!("spread {}", round(line.deviation))],
    );
    list("classes", line.classes.iter().map(|(name, count)| format!("{name}: {count}")).collect());
    list(
        "look alike",
        line.duplicates.iter().map(|(a, b, bits)| format!("{a} and {b} ({bits} bits)")).collect(),
    );
    list("bad", bad.iter().map(|(name, reason)| format!("{name}: {reason}")).collect());
    lines.join("\n")
}
