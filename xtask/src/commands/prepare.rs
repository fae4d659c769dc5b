//! `cargo xtask prepare`: from any collection of images to a training set.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use stylegan_dataset::prepare::{Format, Landmarks, PrepareOptions, Prepared, prepare};
use stylegan_dataset::source::read_label_file;
use stylegan_dataset::{Crop, DatasetError, Filter, Labels, Source};

use crate::collection::{Bar, failure, open};
use crate::failure::Failure;
use crate::interrupt;
use crate::printer::Printer;

/// Bad images that are named at the end.
const NAMED: usize = 20;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The images: a folder or zip archive, TFRecords, an LMDB, MNIST's or CIFAR-10's files, a
    /// prepared set, or faces:COUNT@RESOLUTION for the bundled faces
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Where the set goes; nothing may be there
    #[arg(value_name = "DEST")]
    pub dest: PathBuf,
    /// Height and width of the largest level: R, or HEIGHTxWIDTH
    #[arg(long, value_name = "R", value_parser = resolution)]
    pub resolution: (usize, usize),
    /// What to do with images of another shape; they are an error unless given
    #[arg(long, value_enum, default_value_t = CropMode::None)]
    pub crop: CropMode,
    /// How images are made smaller or larger
    #[arg(long, value_enum, default_value_t = FilterKind::Lanczos)]
    pub filter: FilterKind,
    /// 1 (grey), 3 (RGB) or 4 (RGBA); those of the first image unless given, and then all must agree
    #[arg(long, value_name = "N")]
    pub channels: Option<usize>,
    /// Labels: folders (a class for each sub-folder), a FILE.json as stylegan2-ada's dataset.json, or
    /// a FILE.csv of names and classes or numbers; those that the images come with unless given
    #[arg(long, value_name = "folders|FILE")]
    pub labels: Option<String>,
    /// Align faces as FFHQ: a file with 68 landmarks for each image, or FFHQ's own metadata
    #[arg(long, value_name = "FILE")]
    pub align: Option<PathBuf>,
    /// Take at most so many images
    #[arg(long, value_name = "N")]
    pub max_images: Option<usize>,
    /// Shuffle the images by a seed
    #[arg(long, value_name = "SEED")]
    pub shuffle: Option<u64>,
    /// What to write
    #[arg(long, value_enum, default_value_t = FormatKind::Native)]
    pub format: FormatKind,
    /// Leave out images that cannot be used, and list them
    #[arg(long)]
    pub skip_bad: bool,
}

/// `--crop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CropMode {
    /// The largest part of the wanted shape, in the middle.
    Center,
    /// The largest 4:3 part, with black bars above and below.
    Wide,
    /// All of it, with black bars.
    Pad,
    /// Images of another shape are an error.
    None,
}

/// `--filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterKind {
    /// Windowed sinc of three lobes: the sharpest.
    Lanczos,
    /// Mean over the area.
    Box,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatKind {
    /// Raw pixels of every level, mapped into memory.
    Native,
    /// A zip archive of stylegan2-ada.
    AdaZip,
    /// Multi-resolution TFRecords of StyleGAN.
    Tfrecords,
}

/// The line of output.
#[derive(Serialize)]
struct Line<'a> {
    set: &'a Path,
    images: usize,
    channels: usize,
    levels: Vec<(usize, usize)>,
    label_dim: usize,
    bad: Vec<(String, String)>,
    enlarged: usize,
    content: String,
}

impl Args {
    fn options(&self) -> PrepareOptions {
        PrepareOptions {
            resolution: self.resolution,
            channels: self.channels,
            crop: match self.crop {
                CropMode::Center => Crop::Center,
                CropMode::Wide => Crop::Wide,
                CropMode::Pad => Crop::Pad,
                CropMode::None => Crop::None,
            },
            filter: match self.filter {
                FilterKind::Lanczos => Filter::Lanczos,
                FilterKind::Box => Filter::Box,
            },
            max_images: self.max_images,
            shuffle: self.shuffle,
            skip_bad: self.skip_bad,
            format: match self.format {
                FormatKind::Native => Format::Native,
                FormatKind::AdaZip => Format::AdaZip,
                FormatKind::Tfrecords => Format::Tfrecords,
            },
        }
    }
}

/// Prepares, and says what came out.
///
/// # Errors
///
/// When the images, the labels or the place cannot be used.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let source = open(&args.source, args.labels.as_deref() == Some("folders"))?;
    let labels = labels(args, source.as_ref())?;
    let landmarks = args.align.as_deref().map(Landmarks::open).transpose().map_err(failure)?;
    let stop = interrupt::on_ctrl_c(printer, "stopping; Ctrl-C again to end at once")?;
    let bar = Bar::new(printer, "images prepared");
    let prepared = prepare(
        source.as_ref(),
        &labels,
        landmarks.as_ref(),
        &args.dest,
        &args.options(),
        &|at| bar.report(at),
        &stop,
    );
    drop(bar);
    report(args, prepared.map_err(explain)?, printer)
}

/// The labels to prepare with.
fn labels(args: &Args, source: &dyn Source) -> Result<Labels, Failure> {
    match args.labels.as_deref() {
        None => Ok(source.labels().clone()),
        Some("folders") if source.labels().dim() == 0 => {
            Err(Failure::user(format!("{} has no sub-folders for labels", source.describe()))
                .hint("name a FILE.csv or a FILE.json with --labels"))
        }
        Some("folders") => Ok(source.labels().clone()),
        Some(file) => read_label_file(Path::new(file), source).map_err(failure),
    }
}

/// An error with the hint that fits this command.
fn explain(error: DatasetError) -> Failure {
    let hint = match &error {
        DatasetError::BadImages { reason, .. } if reason.contains("not square") => {
            "choose --crop center, wide or pad, or leave such images out with --skip-bad"
        }
        DatasetError::BadImages { reason, .. } if reason.contains("channels") => {
            "say which with --channels, or leave the others out with --skip-bad"
        }
        _ => return failure(error),
    };
    Failure::user_error(error).hint(hint)
}

fn report(args: &Args, prepared: Prepared, printer: Printer) -> Result<(), Failure> {
    let Prepared { images, channels, levels, label_dim, bad, smaller, content, continued } =
        prepared;
    if continued > 0 {
        printer.note(&format!("{continued} images were done by an earlier preparation"));
    }
    for (name, reason) in bad.iter().take(NAMED) {
        printer.note(&format!("left out {name}: {reason}"));
    }
    if bad.len() > NAMED {
        printer.note(&format!("left out {} more", bad.len() - NAMED));
    }
    if smaller > 0 {
        printer.note(&format!("warning: {smaller} of {images} images were enlarged"));
    }
    let (height, width) = levels.first().copied().unwrap_or_default();
    let (small_height, small_width) = levels.last().copied().unwrap_or_default();
    printer.note(&format!(
        "{images} images, {channels} channels, {height}x{width} down to {small_height}x{small_width}, \
         labels of {label_dim} values, {} left out",
        bad.len()
    ));
    if args.format == FormatKind::Native {
        printer.note(&format!(
            "to train on it: cargo xtask train --data {} --resolution {height}{}",
            args.dest.display(),
            if channels == 3 {
                String::new()
            } else {
                format!(" --set network.channels={channels}")
            }
        ));
    }
    let plain = args.dest.display().to_string();
    let line = Line {
        set: &args.dest,
        images,
        channels,
        levels,
        label_dim,
        bad,
        enlarged: smaller,
        content,
    };
    printer.data(&plain, &line)
}

/// `256`, or `256x192`.
fn resolution(typed: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse::<usize>().ok().filter(|&side| side > 0);
    let (height, width) = typed.split_once('x').unwrap_or((typed, typed));
    side(height).zip(side(width)).ok_or_else(|| "expected R or HEIGHTxWIDTH in pixels".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_one_side_or_two() {
        assert_eq!(resolution("64"), Ok((64, 64)));
        assert_eq!(resolution("64x128"), Ok((64, 128)));
        for typed in ["", "x", "64x", "0", "-3", "64x0"] {
            assert!(resolution(typed).is_err(), "{typed}");
        }
    }
}
