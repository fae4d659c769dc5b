//! What the commands of evaluation share: the model, the distance, the cache, the bar, and how results are published.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use stylegan::Generator;
use stylegan_features::{Backbone, Lpips, Weights};
use stylegan_metrics::{MetricError, MetricResult, NetworkId, Watch, table};

use crate::device;
use crate::failure::{Failure, OrFail};
use crate::interrupt;
use crate::model;
use crate::printer::Printer;
use crate::progress::Progress;

/// Where interrupted evaluations keep what they have computed.
pub const CACHE: &str = "evaluations";

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

/// The network under the distance of images.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct DistanceArgs {
    /// VGG16's weights: torchvision's file vgg16-397923af.pth, or the same tensors as safetensors
    #[arg(long, value_name = "FILE")]
    pub vgg16: Option<PathBuf>,
    /// Measure with a network of fixed random weights: the figures are labelled, and compare with nothing published
    #[arg(long, value_name = "SEED", conflicts_with = "vgg16")]
    pub random_features: Option<u64>,
}

impl DistanceArgs {
    /// LPIPS on VGG16, and how it is named beside a result.
    ///
    /// # Errors
    ///
    /// When there are no weights, with the hint how to get them; when the file is damaged.
    pub fn open(&self) -> Result<(Lpips, NetworkId), Failure> {
        let shapes = Backbone::Vgg16.shapes();
        let weights = match (&self.vgg16, self.random_features) {
            (_, Some(seed)) => Weights::random(&shapes, seed).or_user()?,
            (Some(path), None) => Weights::load(path)
                .or_user_with(|| format!("cannot take vgg16 from {}", path.display()))
                .map_err(|failure| failure.hint("torchvision's vgg16-397923af.pth is the file"))?,
            (None, None) => {
                return Err(Failure::user("path length needs VGG16, whose weights are not named").hint(
                    "name torchvision's vgg16-397923af.pth with --vgg16 FILE; --random-features SEED tries the protocol without it",
                ));
            }
        };
        let id = NetworkId {
            name: "lpips-vgg16".to_owned(),
            checksum: weights.checksum.clone(),
            random: weights.random,
        };
        let weights = weights.to_device(device::chosen()).or_user()?;
        Ok((Lpips::new(Backbone::Vgg16, &weights).or_user()?, id))
    }
}

/// The terminal, and Ctrl-C.
pub struct Watcher {
    printer: Printer,
    stop: Arc<AtomicBool>,
    bar: Mutex<Option<(&'static str, Progress)>>,
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
        if bar.as_ref().is_none_or(|(of, _)| *of != what) {
            *bar = Some((what, Progress::new(self.printer, total as u64, what)));
        }
        if let Some((_, bar)) = bar.as_mut() {
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
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(lines.as_bytes()))
            .or_user_with(|| format!("cannot append to {}", path.display()))
            .map_err(|failure| failure.hint("name another file with --out"))?;
    }
    if printer.json() {
        return results.iter().try_for_each(|result| printer.data("", result));
    }
    printer.line(table(results).trim_end())
}

/// Whose mistake a failed measurement is, and what to try.
pub fn failure(error: MetricError) -> Failure {
    let hint = match &error {
        MetricError::Stopped { .. } => "run it again: it goes on where it stopped",
        MetricError::NotFinite { .. } => {
            "a model that gives no numbers has diverged; go back to an earlier snapshot"
        }
        MetricError::Cache { .. } => {
            "check that the disk has room, or name another folder with --cache"
        }
        MetricError::Features(_) => {
            "VGG16 looks at 32 pixels or more: --no-crop compares whole images"
        }
        MetricError::Compute(_) => {
            "the images must fit the networks: --help says what sizes they take"
        }
        _ => "--help says what the protocols take",
    };
    Failure::user_error(error).hint(hint)
}
