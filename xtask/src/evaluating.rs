//! What the commands of evaluation share: the model, the distance, the cache, the bar, and how results are published.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use stylegan::Generator;
use stylegan_metrics::{MetricError, MetricResult, NetworkId, Watch, table};

use crate::device;
use crate::failure::{Failure, OrFail};
use crate::interrupt;
use crate::model;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::weights;

/// Where interrupted evaluations keep what they have computed: the folder that was typed, or `evaluations` in the cache of all runs.
///
/// # Errors
///
/// When the system names no folder for caches.
pub fn cache_folder(typed: Option<&Path>) -> Result<PathBuf, Failure> {
    match typed {
        Some(folder) => Ok(folder.to_owned()),
        None => Ok(weights::cache()?.join("evaluations")),
    }
}

/// A model that is evaluated.
pub struct Model {
    /// The generator.
    pub generator: Generator,
    /// Its checksum.
    pub identity: String,
    /// The level of detail that it was trained to.
    pub lod: f64,
}

impl Model {
    /// Opens the model that was typed, or the newest run's.
    ///
    /// # Errors
    ///
    /// When there is none, or its file is damaged.
    pub fn open(typed: Option<&Path>, printer: Printer) -> Result<Self, Failure> {
        let path = model::locate(typed, printer)?;
        let generator = model::open_generator(&path, device::chosen())?;
        let identity = stylegan_features::sha256(&path).or_user()?;
        let lod = model::level_of_detail(&path)?;
        printer.note(&format!("model: {}", path.display()));
        Ok(Self { generator, identity, lod })
    }

    /// As metrics see it.
    pub fn subject(&self) -> stylegan_trainer::evaluation::Subject<'_> {
        stylegan_trainer::evaluation::Subject {
            generator: &self.generator,
            identity: &self.identity,
            lod: self.lod,
        }
    }

    /// As it is named beside a result.
    pub fn id(&self) -> NetworkId {
        NetworkId { name: "generator".to_owned(), checksum: self.identity.clone(), random: None }
    }
}

/// Whether the middle of images of this height is large enough for VGG16, which looks at 32 pixels or more; smaller images are compared
/// whole.
pub fn fits_crop(height: usize) -> bool {
    height >= 64
}

/// The terminal, and Ctrl-C.
pub struct Watcher {
    printer: Printer,
    stop: Arc<AtomicBool>,
    bar: Mutex<Option<(&'static str, usize, Progress)>>,
}

impl Watcher {
    /// Watches, and stops at Ctrl-C.
    ///
    /// # Errors
    ///
    /// When Ctrl-C is taken already.
    pub fn new(printer: Printer) -> Result<Self, Failure> {
        let said = "stopping; what is computed is kept (again to stop at once)";
        Ok(Self { printer, stop: interrupt::on_ctrl_c(printer, said)?, bar: Mutex::new(None) })
    }

    /// The flag that Ctrl-C sets.
    pub fn stopped(&self) -> &AtomicBool {
        &self.stop
    }
}

impl Watch for Watcher {
    fn reached(&self, what: &'static str, done: usize, total: usize) {
        // A poisoned bar is still a bar.
        let mut bar = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if done >= total {
            *bar = None;
            return;
        }
        if bar.as_ref().is_none_or(|(of, size, _)| *of != what || *size != total) {
            *bar = Some((what, total, Progress::new(self.printer, total as u64, what)));
        }
        if let Some((.., bar)) = bar.as_mut() {
            bar.reach(done as u64);
        }
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn warn(&self, message: &str) {
        self.printer.note(&format!("warning: {message}"));
    }
}

/// Prints results as a table or as JSON lines, and appends them to a file.
///
/// # Errors
///
/// When the file cannot be written.
pub fn publish(
    results: &[MetricResult],
    out: Option<&Path>,
    printer: Printer,
) -> Result<(), Failure> {
    if let Some(path) = out {
        let mut lines = String::new();
        for result in results {
            lines.push_str(&result.json_line().map_err(Failure::program)?);
            lines.push('\n');
        }
        append(path, &lines)?;
    }
    if printer.json() {
        return results.iter().try_for_each(|result| printer.data("", result));
    }
    printer.line(table(results).trim_end())
}

/// Appends whole lines to a file, which is made where it is missing.
///
/// # Errors
///
/// When the file cannot be written.
pub fn append(path: &Path, lines: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(lines.as_bytes()))
        .or_user_with(|| format!("cannot append to {}", path.display()))
        .map_err(|failure| failure.hint("name another file with --out"))
}

/// Whose mistake a failed measurement is, and what to try.
pub fn failure(error: MetricError) -> Failure {
    let hint = match &error {
        MetricError::Stopped { .. } => "run it again: it goes on where it stopped",
        MetricError::NotFinite { .. } => {
            "a model that gives no numbers has diverged; go back to an earlier snapshot"
        }
        MetricError::TooFew { .. } => "take more images: --samples, or a larger collection",
        MetricError::Shape { .. } => {
            "both sides need images of one size: `cargo xtask prepare` makes them"
        }
        MetricError::Cache { .. } => {
            "check that the disk has room, or name another folder with --cache"
        }
        MetricError::Features(_) => {
            "networks look at 32 pixels or more: --no-crop of eval-ppl compares whole images"
        }
        MetricError::Compute(_) => {
            "the images must fit the networks: --help says what sizes they take"
        }
        _ => "--help says what the protocols take",
    };
    Failure::user_error(error).hint(hint)
}
