//! Where measured images come from: a model, or a collection of pictures.

use std::path::Path;

use stylegan::Generator;
use stylegan_dataset::{Dataset, OpenOptions, open, open_source};
use stylegan_trainer::evaluation;

use crate::collection;
use crate::device;
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::printer::Printer;

/// A model's images.
pub type Generated = evaluation::Generated<Generator>;

/// A collection's pictures.
pub type Pictures = evaluation::Pictures<Box<dyn Dataset>>;

/// Opens a model, whose images are drawn with a seed and truncated with psi.
///
/// # Errors
///
/// When there is none, or it cannot be read.
pub fn generated(
    typed: Option<&Path>,
    seed: u64,
    psi: f64,
    printer: Printer,
) -> Result<Generated, Failure> {
    let path = model::locate(typed, printer)?;
    let generator = model::open_generator(&path, device::chosen())?;
    let lod = model::level_of_detail(&path)?;
    printer.note(&format!("model: {}", path.display()));
    let checksum = stylegan_features::sha256(&path).or_user()?;
    Ok(Generated::new(generator, &checksum[..16], seed, psi, lod))
}

/// Opens a collection at a resolution, its own (the first picture's) unless given. `shuffle` draws the order: what is measured of a part is
/// of all.
///
/// # Errors
///
/// When it cannot be opened.
pub fn pictures(
    spec: &str,
    resolution: Option<(usize, usize)>,
    shuffle: Option<u64>,
    printer: Printer,
) -> Result<Pictures, Failure> {
    let resolution = match resolution {
        Some(resolution) => resolution,
        None => own_resolution(spec)?,
    };
    let bar = collection::Bar::new(printer, "images");
    let options = OpenOptions { resolution, ..OpenOptions::default() };
    let data = open(spec, &options, &|at| bar.report(at)).map_err(collection::failure)?;
    drop(bar);
    printer.note(&format!("images: {}", data.describe()));
    Ok(Pictures::new(data, shuffle))
}

/// The size of a collection's first picture; bundled faces say theirs.
fn own_resolution(spec: &str) -> Result<(usize, usize), Failure> {
    if spec == "faces" || spec.starts_with("faces:") || spec.starts_with("faces@") {
        let data = open(spec, &OpenOptions::default(), &stylegan_dataset::silent);
        return Ok(data.map_err(collection::failure)?.resolution());
    }
    let source = open_source(spec, &Default::default()).map_err(collection::failure)?;
    if source.is_empty() {
        return Err(Failure::user(format!("`{spec}` holds no pictures"))
            .hint("`cargo xtask data --help` says what collections are"));
    }
    let first = source
        .read(0)
        .and_then(|raw| raw.decode(None))
        .or_user_with(|| format!("cannot read the picture {} of `{spec}`", source.name(0)))?;
    Ok((first.height, first.width))
}
