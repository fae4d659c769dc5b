//! What is measured: runs with their snapshots, and collections of pictures.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stylegan_checkpoint::Snapshots;
use stylegan_trainer::run_dir::is_run;

use crate::failure::{Failure, OrFail};
use crate::model;
use crate::printer::Printer;

/// Something that is measured.
pub enum Target {
    /// A run's folder.
    Run(PathBuf),
    /// A collection of pictures.
    Pictures(PathBuf),
}

/// A snapshot's averaged generator.
pub struct Drawer {
    /// The snapshot's number.
    pub snapshot: u64,
    /// The generator's file.
    pub file: PathBuf,
    /// Thousands of real images that it has been trained on.
    pub kimg: f64,
    /// Seconds of training up to it, where the run's statistics say so.
    pub seconds: Option<f64>,
}

/// A line of a run's statistics, as far as it is asked for.
#[derive(Deserialize)]
struct Tick {
    images: u64,
    #[serde(default)]
    seconds: Option<f64>,
}

impl Target {
    /// What the paths mean; the newest run where none was typed.
    ///
    /// # Errors
    ///
    /// When nothing is at a path, or there is no run.
    pub fn all(typed: &[PathBuf], printer: Printer) -> Result<Vec<Self>, Failure> {
        if typed.is_empty() {
            let file = model::locate(None, printer)?;
            let run = file.ancestors().nth(3).unwrap_or(&file);
            return Ok(vec![Self::Run(run.to_owned())]);
        }
        typed.iter().map(|path| Self::of(path)).collect()
    }

    fn of(path: &Path) -> Result<Self, Failure> {
        fs::metadata(path)
            .or_user_with(|| format!("cannot open `{}`", path.display()))
            .map_err(|failure| failure.hint("name a run's folder, or one of pictures"))?;
        let run = is_run(path) || path.join("snapshots").is_dir();
        Ok(if run { Self::Run(path.to_owned()) } else { Self::Pictures(path.to_owned()) })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Run(path) | Self::Pictures(path) => path,
        }
    }
}

/// A run's snapshots, oldest first. Damaged ones are named and passed over; it only reads, since the run may be going on.
///
/// # Errors
///
/// When there is none.
pub fn snapshots(run: &Path, printer: Printer) -> Result<Vec<Drawer>, Failure> {
    let snapshots = Snapshots::new(run.join("snapshots"));
    let ticks = ticks(&run.join("stats.jsonl"));
    let mut found = Vec::new();
    for number in snapshots.numbers().or_user()? {
        let file = match snapshots.open(number) {
            Ok(snapshot) => snapshot.file(model::GENERATOR),
            Err(error) => {
                printer.note(&format!("warning: passed over a snapshot: {error}"));
                continue;
            }
        };
        if !file.is_file() {
            continue;
        }
        let metadata = stylegan_checkpoint::inspect(&file).or_user()?.metadata;
        let images = metadata.get("stylegan.images").and_then(|images| images.parse().ok());
        let images = images.unwrap_or(1000 * number);
        let seconds = seconds(&ticks, images);
        found.push(Drawer { snapshot: number, file, kimg: images as f64 / 1000.0, seconds });
    }
    if found.is_empty() {
        let said = format!("there is no snapshot of a generator in the run `{}`", run.display());
        return Err(
            Failure::user(said).hint("a run has one as soon as it has written its first snapshot")
        );
    }
    Ok(found)
}

/// The lines of a run's statistics that can be read.
fn ticks(path: &Path) -> Vec<Tick> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Seconds up to so many images: those of the last line that is not after them.
fn seconds(ticks: &[Tick], images: u64) -> Option<f64> {
    let before = ticks.iter().filter(|tick| tick.images <= images);
    before.max_by_key(|tick| tick.images).and_then(|tick| tick.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_those_of_the_line_before_the_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        let lines = "{\"images\":16,\"seconds\":1.5}\n{\"images\":32,\"seconds\":3.0}\ntorn";
        fs::write(&path, lines).unwrap();
        let ticks = ticks(&path);
        assert_eq!(
            [8, 16, 31, 40].map(|at| seconds(&ticks, at)),
            [None, Some(1.5), Some(1.5), Some(3.0)]
        );
        fs::write(&path, "{\"images\":16}\n").unwrap();
        assert_eq!(seconds(&super::ticks(&path), 16), None);
        assert!(super::ticks(&folder.path().join("none")).is_empty());
    }
}
