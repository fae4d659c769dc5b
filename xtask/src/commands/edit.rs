//! `cargo xtask edit`: images at several strengths along directions of w.

mod judged;
mod settings;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use candle_core::{Device, Tensor};
use serde::Serialize;
use stylegan::editing::moved;
use stylegan::{Codes, fingerprint};

use crate::drawing::{Artist, ModelArgs, Subjects, psi};
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::output;
use crate::picture::{self, Picture};
use crate::printer::Printer;
use crate::seeds::Seeds;
use judged::Judged;
use settings::edit_failure;

/// Frames of an animation from the least strength to the greatest.
const FRAMES: usize = 30;
const FRAMES_PER_SECOND: u32 = 15;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Codes to change: a file that project, encode or this command wrote
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pub codes: Option<PathBuf>,
    /// Seeds of the latents to change, such as 0,3,7-10
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    pub seeds: Seeds,
    /// A file of named directions, one tensor each, such as the normals of classifiers
    #[arg(long, value_name = "FILE")]
    pub directions: Option<PathBuf>,
    /// Labels: a table of seeds (first line seed,smile,hat; then 17,1,0) or a file of labelled codes. Each label gives a direction,
    /// from the mean of the codes without it to that of those with it
    #[arg(long, value_name = "FILE")]
    pub labelled: Option<PathBuf>,
    /// A direction to move along, by its name; factor-0, factor-1 and so on are those of the model's own weights. Several give a
    /// picture each; all that were read or, without any, factor-0 to factor-3, unless given
    #[arg(long = "direction", value_name = "NAME")]
    pub direction: Vec<String>,
    /// Take from each direction what it shares with this one
    #[arg(long, value_name = "NAME")]
    pub orthogonal_to: Vec<String>,
    /// Layers that move, such as 0-3; all unless given
    #[arg(long, value_name = "RANGE")]
    pub layers: Option<Layers>,
    /// Layers whose weights give factor-0 and so on; those that move unless given
    #[arg(long, value_name = "RANGE")]
    pub factor_layers: Option<Layers>,
    /// How far to move, in lengths of w, each a column
    #[arg(long, value_name = "LIST", default_value = "-3,-1.5,0,1.5,3", value_delimiter = ',', allow_hyphen_values = true, value_parser = strength)]
    pub strength: Vec<f64>,
    /// Truncation psi of seeds; codes from a file stay as they are
    #[arg(long, default_value = "0.7", value_parser = psi, allow_hyphen_values = true)]
    pub psi: f64,
    /// Truncate the layers below this index only
    #[arg(long, value_name = "LAYER", default_value_t = 8)]
    pub cutoff: usize,
    /// Also judge the images by the classifiers of this folder, which `train-classifiers` made: each attribute's probability and logit
    /// at each strength, in the mean over the codes
    #[arg(long, value_name = "DIR")]
    pub classifiers: Option<PathBuf>,
    /// Also write an animation from the least strength to the greatest and back, a GIF for each direction
    #[arg(long)]
    pub animate: bool,
    /// Also write the codes of the greatest strength, a file for each direction
    #[arg(long)]
    pub save_codes: bool,
    /// Also write the directions, as they were used, into directions.safetensors
    #[arg(long)]
    pub save_directions: bool,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = output::FOLDER)]
    pub out: PathBuf,
    /// Write over files that are there, instead of numbering the new ones
    #[arg(long)]
    pub force: bool,
    /// Enlarge by this whole factor, each pixel becoming a square
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub enlarge: u8,
}

/// A range of layers as typed: `4-7`, or `4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers(pub RangeInclusive<usize>);

impl FromStr for Layers {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let no = |_| format!("`{typed}` is no range of layers; one looks like 4-7");
            part.trim().parse::<usize>().map_err(no)
        };
        let (first, last) = match typed.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(typed)?, number(typed)?),
        };
        if first > last {
            return Err(format!("the range `{typed}` runs backwards"));
        }
        Ok(Self(first..=last))
    }
}

#[derive(Serialize)]
struct Written<'a> {
    direction: &'a str,
    path: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    animation: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<&'a Path>,
    strengths: &'a [f64],
    #[serde(skip_serializing_if = "Option::is_none")]
    judged: Option<Vec<Judged>>,
}

/// Moves, draws and writes.
///
/// # Errors
///
/// When the model, the codes or a direction cannot be used, or a file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let artist = Artist::open(&args.model, printer)?;
    let (config, tensors) = model::read_generator(artist.path(), &Device::Cpu)?;
    let print = fingerprint(&tensors)?;
    let shape = (artist.generator().num_layers(), config.synthesis.w_dim);
    let directions = settings::resolve(args, &artist, &config, &tensors, &print, shape)?;
    // Everything that can be wrong with the layers is wrong with any direction.
    let layers = args.layers.as_ref().map(|layers| layers.0.clone());

    let classifiers = args.classifiers.as_deref().map(judged::open).transpose()?;
    let truncation = (args.psi, args.cutoff);
    let (artist, subjects) = artist.subjects(args.codes.as_deref(), &args.seeds.0, truncation)?;
    let Subjects { ws, names, seeds, maps } = subjects;
    let count = ws.dim(0)?;

    for (name, direction) in &directions {
        let at =
            |strength: f64| moved(&ws, direction, strength, layers.clone()).map_err(edit_failure);
        let columns = draw(&artist, &args.strength, &seeds, &at, printer)?;
        let judged = classifiers.as_ref().map(|set| judged::judge(set, &columns)).transpose()?;
        let rows =
            (0..count).flat_map(|row| columns.iter().map(move |column| column.get(row).cloned()));
        let enlarge = usize::from(args.enlarge);
        let file = name.replace(|c: char| !c.is_alphanumeric() && !"-_.".contains(c), "-");
        let place = |ending: &str| {
            output::free_path(&args.out.join(format!("edit-{file}{ending}")), args.force)
        };
        let path = place(".png")?;
        Picture::grid(&rows.collect::<Vec<_>>(), columns.len()).enlarged(enlarge).save(&path)?;
        let animation = if args.animate {
            let frames = sweep(&args.strength);
            let frames = draw(&artist, &frames, &seeds, &at, printer)?;
            let across = (count as f64).sqrt().ceil() as usize;
            let frames = frames.into_iter().map(|pictures| {
                Picture::grid(&pictures.into_iter().map(Some).collect::<Vec<_>>(), across.max(1))
                    .enlarged(enlarge)
            });
            let path = place(".gif")?;
            picture::save_animation(&path, &frames.collect::<Vec<_>>(), FRAMES_PER_SECOND)?;
            Some(path)
        } else {
            None
        };
        let codes = if args.save_codes {
            let strongest = args.strength.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let path = place(".safetensors")?;
            let (model, names, noise) = (print.clone(), names.clone(), maps.clone());
            let codes = Codes { ws: at(strongest)?, model, names, noise, labels: None };
            let extra = BTreeMap::from([
                ("stylegan.codes.direction".to_owned(), name.clone()),
                ("stylegan.codes.strength".to_owned(), strongest.to_string()),
            ]);
            codes.save(&path, &extra).or_user()?;
            Some(path)
        } else {
            None
        };
        let (animation, codes) = (animation.as_deref(), codes.as_deref());
        let lines = [Some(path.as_path()), animation, codes];
        let lines = lines.into_iter().flatten().map(|p| p.display().to_string());
        let table = judged.iter().map(|judged| judged::table(judged, &args.strength));
        let plain = lines.chain(table).collect::<Vec<_>>().join("\n");
        let (path, strengths) = (path.as_path(), args.strength.as_slice());
        let written = Written { direction: name, path, animation, codes, strengths, judged };
        printer.data(&plain, &written)?;
    }
    if args.save_directions {
        let path = output::free_path(&args.out.join("directions.safetensors"), args.force)?;
        settings::save(&directions, &path, &print)?;
        printer.note(&format!("directions: {}", path.display()));
    }
    Ok(())
}

/// For each strength, the pictures of all codes.
fn draw(
    artist: &Artist,
    strengths: &[f64],
    seeds: &[u64],
    at: &dyn Fn(f64) -> Result<Tensor, Failure>,
    printer: Printer,
) -> Result<Vec<Vec<Picture>>, Failure> {
    let mut all = Vec::with_capacity(strengths.len());
    for &strength in strengths {
        all.push(artist.draw(&at(strength)?, seeds, printer)?);
    }
    Ok(all)
}

/// From the least strength to the greatest and back, slower at the ends.
fn sweep(strengths: &[f64]) -> Vec<f64> {
    let low = strengths.iter().copied().fold(f64::INFINITY, f64::min);
    let high = strengths.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let turn = std::f64::consts::TAU / (2 * FRAMES) as f64;
    (0..2 * FRAMES).map(|i| low + (high - low) * (0.5 - 0.5 * (i as f64 * turn).cos())).collect()
}

fn strength(typed: &str) -> Result<f64, String> {
    match typed.trim().parse::<f64>() {
        Ok(strength) if strength.is_finite() => Ok(strength),
        _ => Err("strengths are numbers, such as -3,0,3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_layers_are_read() {
        assert_eq!("4-7".parse(), Ok(Layers(4..=7)));
        assert_eq!("3".parse(), Ok(Layers(3..=3)));
        assert!("7-4".parse::<Layers>().unwrap_err().contains("backwards"));
        assert!("a".parse::<Layers>().unwrap_err().contains("no range"));
    }

    #[test]
    fn a_sweep_goes_there_and_back() {
        let sweep = sweep(&[1.0, -2.0]);
        assert_eq!(sweep.len(), 60);
        assert!((sweep[0] + 2.0).abs() < 1e-12 && (sweep[30] - 1.0).abs() < 1e-12);
        assert!((sweep[10] - sweep[50]).abs() < 1e-9);
    }
}
