//! Finding models: the file a path means, or the newest run's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use candle_core::{Device, Tensor};
use stylegan::{Generator, GeneratorConfig};
use stylegan_checkpoint::Snapshots;
use stylegan_trainer::config::TrainConfig;

use crate::failure::{Failure, OrFail};
use crate::printer::Printer;

/// Where runs lie unless told otherwise.
pub const RUNS: &str = "runs";

/// The generator that is looked at, in a snapshot.
pub const GENERATOR: &str = "generator-ema.safetensors";

/// An encoder and its decoder, in a snapshot.
pub const PSP: &str = "psp.safetensors";
/// What helps whoever named a file without a generator.
const NAMES: &str = "`cargo xtask inspect FILE` shows what a file holds; a generator's name is \
     generator.safetensors or generator-ema.safetensors";

/// A run's folder of snapshots.
const SNAPSHOTS: &str = "snapshots";

/// The model's file that `typed` means: itself, or the averaged generator of a snapshot's folder
/// or of the newest whole snapshot of a run's; of the newest run where nothing was typed.
///
/// # Errors
///
/// When there is none.
pub fn locate(typed: Option<&Path>, printer: Printer) -> Result<PathBuf, Failure> {
    locate_file(typed, GENERATOR, printer)
}

/// As [`locate`], for encoders.
///
/// # Errors
///
/// When there is none.
pub fn locate_psp(typed: Option<&Path>, printer: Printer) -> Result<PathBuf, Failure> {
    locate_file(typed, PSP, printer).map_err(|failure| {
        failure.hint("train an encoder with `cargo xtask train-psp`, or name one with --psp")
    })
}

fn locate_file(typed: Option<&Path>, file: &str, printer: Printer) -> Result<PathBuf, Failure> {
    let Some(path) = typed else {
        return newest(Path::new(RUNS), file, printer);
    };
    let metadata = fs::metadata(path)
        .or_user_with(|| format!("cannot open the model `{}`", path.display()))
        .map_err(|f| f.hint("name a .safetensors file, or the folder of a run or a snapshot"))?;
    if metadata.is_file() {
        return Ok(path.to_path_buf());
    }
    if path.join(file).is_file() {
        return Ok(path.join(file));
    }
    of_run(path, file, printer)?.ok_or_else(|| {
        Failure::user(format!("there is no model in the folder `{}`", path.display()))
            .hint("a run has one as soon as it has written its first snapshot")
    })
}

/// The file of a run's newest snapshot that is whole, the averaged generator say. It only reads: the run may be going on.
fn of_run(run: &Path, file: &str, printer: Printer) -> Result<Option<PathBuf>, Failure> {
    let snapshots = Snapshots::new(run.join(SNAPSHOTS));
    for number in snapshots.numbers().or_user()?.into_iter().rev() {
        match snapshots.open(number) {
            // Runs of encoders lie beside those of generators.
            Ok(snapshot) => return Ok(Some(snapshot.file(file)).filter(|path| path.is_file())),
            Err(error) => printer.note(&format!("warning: passed over a snapshot: {error}")),
        }
    }
    Ok(None)
}

/// The model of the run that has written one last.
fn newest(runs: &Path, file: &str, printer: Printer) -> Result<PathBuf, Failure> {
    let mut found: Option<(SystemTime, PathBuf)> = None;
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let Some(path) = of_run(&entry.path(), file, printer)? else { continue };
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let modified = modified.unwrap_or(SystemTime::UNIX_EPOCH);
        if found.as_ref().is_none_or(|(newest, _)| modified > *newest) {
            found = Some((modified, path));
        }
    }
    found.map(|(_, path)| path).ok_or_else(|| {
        let missing =
            Failure::user(format!("there is no trained model under `{}`", runs.display()));
        if file == GENERATOR {
            missing.hint("train one with `cargo xtask train`, or name one with --model")
        } else {
            missing
        }
    })
}

/// The level of detail that a generator was trained to: above 0 in the snapshots of a run that
/// still grows, whose finer layers have learned nothing yet.
///
/// # Errors
///
/// When the file is damaged.
pub fn level_of_detail(path: &Path) -> Result<f64, Failure> {
    let metadata = stylegan_checkpoint::inspect(path).or_user()?.metadata;
    if let Some(lod) = metadata.get("stylegan.lod").and_then(|lod| lod.parse().ok()) {
        return Ok(lod);
    }
    // Else the run's configuration tells, if the file still lies in its run.
    let images = metadata.get("stylegan.images").and_then(|images| images.parse().ok());
    let run = path.ancestors().nth(3).unwrap_or(Path::new(""));
    let config = fs::read_to_string(run.join("config.toml")).ok();
    let schedule = config
        .and_then(|text| TrainConfig::from_toml(&text).ok())
        .and_then(|config| config.schedule().ok());
    Ok(images.zip(schedule).map_or(0.0, |(images, schedule)| schedule.at(images).lod))
}

/// Reads a generator's configuration and tensors.
///
/// # Errors
///
/// When the file is damaged, or not a generator.
pub fn read_generator(
    path: &Path,
    device: &Device,
) -> Result<(GeneratorConfig, BTreeMap<String, Tensor>), Failure> {
    stylegan::read_generator(path, device).or_user().map_err(|failure| failure.hint(NAMES))
}

/// Opens a generator.
///
/// # Errors
///
/// When the file is damaged, or not a generator.
pub fn open_generator(path: &Path, device: &Device) -> Result<Generator, Failure> {
    stylegan::load_generator(path, device).or_user().map_err(|failure| failure.hint(NAMES))
}
