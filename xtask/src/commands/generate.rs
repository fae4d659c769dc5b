//! `cargo xtask generate`: one picture a seed, or a code.

use std::path::{Path, PathBuf};

use serde::Serialize;
use stylegan::{FloatFormat, Precision};

use crate::drawing::{Artist, ModelArgs, psi};
use crate::failure::Failure;
use crate::output;
use crate::picture::Picture;
use crate::precision;
use crate::printer::Printer;
use crate::seeds::Seeds;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Seeds of the latents, such as 0,3,7-10: one picture each
    #[arg(long, value_name = "LIST", default_value = "0-15")]
    pub seeds: Seeds,
    /// Draw the codes of a file that project, encode or edit wrote, instead of seeds
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pub codes: Option<PathBuf>,
    /// Truncation psi of seeds: 1 for full variety, towards 0 for the average picture
    #[arg(long, default_value = "0.7", value_parser = psi, allow_hyphen_values = true)]
    pub psi: f64,
    /// Truncate the layers below this index only
    #[arg(long, value_name = "LAYER", default_value_t = 8)]
    pub cutoff: usize,
    /// One picture with all seeds side by side, instead of one a seed
    #[arg(long)]
    pub grid: bool,
    /// Columns of the grid; about as many as rows unless given
    #[arg(long, value_name = "N", requires = "grid", value_parser = clap::value_parser!(u16).range(1..))]
    pub columns: Option<u16>,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = output::FOLDER)]
    pub out: PathBuf,
    /// Write over files that are there, instead of numbering the new ones
    #[arg(long)]
    pub force: bool,
    /// Enlarge by this whole factor, each pixel becoming a square
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub enlarge: u8,
    /// What the four highest resolutions compute in: float32, bfloat16 or float16
    #[arg(long, value_name = "FORMAT", default_value_t = FloatFormat::Float32)]
    pub precision: FloatFormat,
}

/// A line of output.
#[derive(Serialize)]
struct Written<'a> {
    path: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// The name of a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Draws and writes.
///
/// # Errors
///
/// When there is no model, or a file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    precision::check(args.precision, printer)?;
    let artist = Artist::open(&args.model, printer)?;
    let (artist, subjects) =
        artist.subjects(args.codes.as_deref(), &args.seeds.0, (args.psi, args.cutoff))?;
    let artist = artist.with_precision(Precision::official(args.precision));
    let pictures = artist.draw(&subjects.ws, &subjects.seeds, printer)?;
    let pictures = pictures.iter().map(|picture| picture.enlarged(args.enlarge.into()));
    let write = |picture: &Picture, file: &str, seed, name| {
        let path = output::free_path(&args.out.join(file), args.force)?;
        picture.save(&path)?;
        printer.data(&path.display().to_string(), &Written { path: &path, seed, name })
    };
    if args.grid {
        let pictures: Vec<_> = pictures.map(Some).collect();
        let columns = args.columns.map_or_else(|| square(pictures.len()), usize::from);
        return write(&Picture::grid(&pictures, columns), "grid.png", None, None);
    }
    for (at, (picture, &seed)) in pictures.zip(&subjects.seeds).enumerate() {
        if args.codes.is_none() {
            write(&picture, &format!("seed-{seed:04}.png"), Some(seed), None)?;
        } else {
            let name = subjects.names.get(at).map(String::as_str);
            write(&picture, &format!("code-{at:04}.png"), None, name)?;
        }
    }
    Ok(())
}

/// The columns that make a grid of `count` about square, never narrower than high.
fn square(count: usize) -> usize {
    let side = (count as f64).sqrt().ceil() as usize;
    side.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_about_square() {
        assert_eq!([1, 2, 4, 5, 16, 17].map(square), [1, 2, 2, 3, 4, 5]);
    }
}
