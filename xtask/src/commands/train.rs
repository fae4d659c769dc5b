//! `cargo xtask train`: from nothing, or from where a run was left, to a trained generator.

mod measuring;
mod settings;
mod sized;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use stylegan::FloatFormat;
use stylegan_dataset::{Dataset, OpenOptions};
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::Finished;
use stylegan_trainer::{InitFrom, Taken, TrainError, Training};

use crate::collection::Bar;
use crate::device;
use crate::failure::Failure;
use crate::interrupt;
use crate::memory;
use crate::model;
use crate::place;
use crate::precision;
use crate::printer::Printer;
use crate::progress::duration;
use crate::ranks::Ranks;
use crate::weights::WeightsArgs;
use measuring::Opened;
use settings::Settings;
use watch::Watch;

/// What was typed.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Args {
    /// The named configuration to begin with. Without one, a run on images of your own is sized by them and by the time there is, and one on the bundled faces is faces-32-sg2. The README lists them
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// A TOML file whose keys are laid over the preset's, or over those of the run that is resumed
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The images: a prepared set, a folder or zip archive of images, TFRecords, an LMDB, MNIST's or CIFAR-10's files, or faces:COUNT@RESOLUTION for the bundled faces
    #[arg(long, value_name = "SPEC")]
    pub data: Option<String>,
    /// Resolution of the images, a power of two from 8 to 1024
    #[arg(long, value_name = "PIXELS")]
    pub resolution: Option<usize>,
    /// Thousands of real images to train on
    #[arg(long, value_name = "N")]
    pub kimg: Option<f64>,
    /// Train for about so many hours, by an estimate of this machine's speed, instead of a number of images; 1 for images of your own unless --kimg is given
    #[arg(long, value_name = "N", conflicts_with = "kimg")]
    pub hours: Option<f64>,
    /// The run's folder. If there is a run in it, training goes on where it was left
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub run: Option<PathBuf>,
    /// The new run's name, after its number: runs/00000-NAME
    #[arg(long)]
    pub name: Option<String>,
    /// Lay one key over all others, such as loss.r1_gamma=2; --dry-run shows the keys
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of the weights, the order of the images, the latents and the noise
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What the highest resolutions compute in: float32, bfloat16 or float16. The section `precision` of the configuration has the rest
    #[arg(long, value_name = "FORMAT")]
    pub precision: Option<FloatFormat>,
    /// Go on without images that cannot be read
    #[arg(long)]
    pub skip_bad: bool,
    /// Train with labels: a class for each sub-folder, or the bundled faces' attributes
    #[arg(long, overrides_with = "no_classes")]
    pub classes: bool,
    /// Train without labels, where the preset has them: those of the bundled faces tell the networks the faces' attributes
    #[arg(long)]
    pub no_classes: bool,
    /// Mirror images at random
    #[arg(long, overrides_with = "no_mirror")]
    pub mirror: bool,
    /// Do not mirror images
    #[arg(long, overrides_with = "mirror")]
    pub no_mirror: bool,
    /// Begin with the weights of another model, of this resolution or another: a .safetensors file, a run's folder or a
    /// snapshot's. Layers that it lacks begin at random
    #[arg(long, value_name = "PATH")]
    pub init_from: Option<PathBuf>,
    /// Measure snapshots during training and keep the best: names with thousands of images between two measurements, such as
    /// fid@50,ppl_w@100,ppl_z_end@200
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub metrics: Option<Vec<String>>,
    /// Samples of such a measurement; 0 for the protocol's own number
    #[arg(long, value_name = "N", requires = "metrics")]
    pub metric_samples: Option<usize>,
    /// Where the networks of the metrics come from.
    #[command(flatten)]
    pub weights: WeightsArgs,
    /// Keep the weights of so many blocks of the discriminator as they are in that model, from the full resolution on
    #[arg(long, value_name = "BLOCKS", requires = "init_from")]
    pub freeze_d: Option<usize>,
    /// Print the resolved configuration, and train nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The last line of output.
#[derive(Serialize)]
struct Trained {
    run: PathBuf,
    images: u64,
    stopped: bool,
    seconds: f64,
    model: Option<PathBuf>,
}

/// Resolves, then trains or prints.
///
/// # Errors
///
/// When the configuration, the images, the run's folder or a snapshot cannot be used.
pub fn run(args: &Args, ranks: &Ranks, printer: Printer) -> Result<(), Failure> {
    memory::keep();
    let settings = settings::resolve(args)?;
    for reason in &settings.reasons {
        printer.note(reason);
    }
    for warning in &settings.warnings {
        printer.note(&format!("warning: {warning}"));
    }
    if args.dry_run {
        let toml = settings.config.to_toml().map_err(Failure::program)?;
        return printer.data(toml.trim_end(), &settings.config);
    }
    precision::check(settings.config.precision.dtype, printer)?;
    let init = args.init_from.as_deref().map(|path| init_files(path, printer)).transpose()?;
    let measured = measuring::open(&settings.config, &args.weights)?;
    train(settings, init.as_ref(), measured, ranks, printer)
}

/// The files that --init-from means: a generator alone, or all networks of a snapshot.
fn init_files(path: &Path, printer: Printer) -> Result<InitFrom, Failure> {
    let model = model::locate(Some(path), printer)?;
    let beside = |name: &str| Some(model.with_file_name(name)).filter(|path| path.is_file());
    let is_snapshot = model.file_name().is_some_and(|name| name == model::GENERATOR);
    let generator = beside("generator.safetensors").filter(|_| is_snapshot);
    let discriminator = beside("discriminator.safetensors").filter(|_| is_snapshot);
    Ok(match generator {
        Some(generator) => InitFrom { generator, average: Some(model), discriminator },
        None => InitFrom { generator: model, average: None, discriminator },
    })
}

fn train(
    settings: Settings,
    init: Option<&InitFrom>,
    measured: Vec<Opened>,
    ranks: &Ranks,
    printer: Printer,
) -> Result<(), Failure> {
    let Settings { config, place, .. } = settings;
    let (run, dataset) = ranks.around(&place, || open(&config, printer))?;
    let measured = measured.into_iter().map(|metric| metric.over(&dataset, &config)).collect();
    let group = ranks.group.clone();
    let mut training =
        Training::among(group, config, dataset, run, device::chosen()).map_err(train_failure)?;
    match init {
        Some(init) if training.is_new() => {
            let Taken { taken, fresh, unused } = training.init_from(init).map_err(train_failure)?;
            let from = init.generator.display();
            printer.note(&format!(
                "{taken} tensors from {from}, {fresh} begin at random, {unused} were of no use"
            ));
        }
        Some(_) => {
            printer.note("the run goes on with its own weights: --init-from is for new runs")
        }
        None => {}
    }
    training.measure(measured).map_err(train_failure)?;
    let stop = interrupt::on_ctrl_c(
        printer,
        "stopping after this step; Ctrl-C again to end at once, without a snapshot",
    )?;
    let mut watch = Watch::new(printer, stop.clone());
    let finished = training.run(&mut watch, &stop).map_err(train_failure);
    let (snapshot, printed) = watch.close();
    report(&finished?, snapshot.map(|path| path.join(model::GENERATOR)), printer)?;
    printed
}

/// Opens the images of a configuration, with a bar while a folder is read.
fn open(config: &TrainConfig, printer: Printer) -> Result<Arc<dyn Dataset>, Failure> {
    let options = OpenOptions {
        resolution: config.image_size(),
        channels: config.network.channels,
        class_per_folder: config.data.labels,
        skip_bad: config.data.skip_bad,
        ..OpenOptions::default()
    };
    let bar = Bar::new(printer, "images read");
    let dataset = stylegan_dataset::open(&config.data.source, &options, &|at| bar.report(at));
    Ok(Arc::from(dataset.map_err(|error| place::failure(error.into()))?))
}

/// Says how the run ended, and what to do next.
fn report(finished: &Finished, model: Option<PathBuf>, printer: Printer) -> Result<(), Failure> {
    let Finished { run, images, stopped, time } = finished;
    let kimg = *images as f64 / 1000.0;
    let time = time.as_secs_f64();
    let ended = if *stopped { "stopped" } else { "done" };
    printer.note(&format!("{ended} at {kimg:.1} kimg, after {}", duration(time)));
    if *stopped {
        printer.note(&format!("to go on: cargo xtask train --run {}", run.display()));
    } else {
        printer.note("to draw from it: cargo xtask generate --grid");
    }
    let trained = Trained {
        run: run.clone(),
        images: *images,
        stopped: *stopped,
        seconds: time,
        model: model.clone(),
    };
    printer.data(&model.unwrap_or_else(|| run.clone()).display().to_string(), &trained)
}

/// Whose mistake an error of training is, and what to try.
fn train_failure(error: TrainError) -> Failure {
    let error = match error {
        TrainError::Run(error) => return place::failure(error),
        other => other,
    };
    let hint = match &error {
        TrainError::Config(error) => settings::hint(error).to_owned(),
        TrainError::Images { .. } => {
            "--resolution sets the networks' resolution, network.channels their channels".to_owned()
        }
        TrainError::NoLabels { .. } => {
            "put each class into a folder of its own, or leave --classes away".to_owned()
        }
        TrainError::OtherShapes { .. } | TrainError::NothingShared { .. } => {
            "give the networks the other model's widths, as `cargo xtask inspect` shows them"
                .to_owned()
        }
        TrainError::Memory(misfit) => match misfit.fits {
            Some(part) => format!(
                "--set schedule.part={part} computes batches in parts of {part} images and adds up their gradients"
            ),
            None => "take smaller networks (network.fmap_max, network.fmap_base) or another GPU"
                .to_owned(),
        },
        TrainError::Diverged { .. } => {
            "lower optimizer.learning_rate, or raise loss.r1_gamma, and begin another run"
                .to_owned()
        }
        _ => "`cargo xtask train --help` lists the options".to_owned(),
    };
    Failure::user_error(error).hint(hint)
}
