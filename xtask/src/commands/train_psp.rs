//! `cargo xtask train-psp`: an encoder for a generator, from nothing or from where a run was left.

mod settings;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::Serialize;
use stylegan_dataset::{Dataset, OpenOptions};
use stylegan_psp::{PspError, face_region};
use stylegan_trainer::psp::{
    ClassMaps, Judge, PspConfig, PspData, PspFinished, PspTrainError, PspTraining,
};

use crate::collection::Bar;
use crate::device;
use crate::failure::Failure;
use crate::interrupt;
use crate::memory;
use crate::model;
use crate::perceptual::{self, Channels, Choice, PerceptualArgs};
use crate::place;
use crate::printer::Printer;
use crate::progress::duration;
use settings::Settings;
use watch::Watch;

/// What was typed.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Args {
    /// What for: inversion, frontalisation, sketch, segmentation, super-resolution, inpainting or toonify; inversion unless given
    #[arg(long, value_name = "NAME")]
    pub task: Option<String>,
    /// The generator to encode for: a .safetensors file, a run's folder or a snapshot's; the newest run's under runs/ unless given
    #[arg(long, value_name = "PATH")]
    pub decoder: Option<PathBuf>,
    /// The images: what `cargo xtask train --data` takes; the bundled faces unless given
    #[arg(long, value_name = "SPEC")]
    pub data: Option<String>,
    /// For segmentation: grey images of the same names as the images, whose values are classes
    #[arg(long, value_name = "SPEC")]
    pub maps: Option<String>,
    /// For segmentation: how many classes there are
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Optimizer steps
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// The run's folder. If there is a run in it, training goes on where it was left
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Begin the backbone with that of a converted IR-SE50 network
    #[arg(long, value_name = "FILE")]
    pub backbone: Option<PathBuf>,
    /// A converted ArcFace network for the identity loss; without, a small one is taught on the images
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The distance of loss.lpips and loss.lpips_crop; LPIPS on alexnet unless given.
    #[command(flatten)]
    pub distance: PerceptualArgs,
    /// Train the decoder too
    #[arg(long)]
    pub train_decoder: bool,
    /// Lay one key over all others, such as loss.l2=2; --dry-run shows the keys
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Seed of the weights, the order of the images and what is done to them
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Go on without images that cannot be read
    #[arg(long)]
    pub skip_bad: bool,
    /// Print the resolved configuration, and train nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The last line of output.
#[derive(Serialize)]
struct Trained {
    run: PathBuf,
    steps: u64,
    stopped: bool,
    seconds: f64,
    model: Option<PathBuf>,
}

/// Resolves, then trains or prints.
///
/// # Errors
///
/// When the configuration, the decoder, the images, the run's folder or a snapshot cannot be used.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    memory::keep();
    let Settings { config, place, image_size, channels } = settings::resolve(args, printer)?;
    if args.dry_run {
        let toml = config.to_toml().map_err(Failure::program)?;
        return printer.data(toml.trim_end(), &config);
    }
    let judge = judge(&config, &args.distance, (channels, image_size))?;
    let images = || open(&config, (image_size, channels), args.skip_bad, printer);
    let (run, data) = place.around(images)?;
    let mut training =
        PspTraining::new(config, data, judge, run, device::chosen()).map_err(psp_failure)?;
    let stop = interrupt::on_ctrl_c(
        printer,
        "stopping after this step; Ctrl-C again to end at once, without a snapshot",
    )?;
    let mut watch = Watch::new(printer, stop.clone());
    let finished = training.run(&mut watch, &stop).map_err(psp_failure);
    let (snapshot, printed) = watch.close();
    report(&finished?, snapshot.map(|path| path.join(model::PSP)), printer)?;
    printed
}

/// Opens the images, with a bar while a folder is read, and their maps.
fn open(
    config: &PspConfig,
    (size, channels): (usize, usize),
    skip_bad: bool,
    printer: Printer,
) -> Result<PspData, Failure> {
    let options =
        OpenOptions { resolution: (size, size), channels, skip_bad, ..OpenOptions::default() };
    let bar = Bar::new(printer, "images read");
    let images = stylegan_dataset::open(&config.data, &options, &|at| bar.report(at));
    let images: Arc<dyn Dataset> = Arc::from(images.map_err(|e| psp_failure(e.into()))?);
    let maps = (!config.maps.is_empty())
        .then(|| ClassMaps::open(&config.maps, &config.data, size, config.classes))
        .transpose()
        .map_err(psp_failure)?;
    Ok(PspData { images, maps })
}

/// The perceptual distance, where the losses ask for one.
fn judge(
    config: &PspConfig,
    args: &PerceptualArgs,
    (channels, size): (usize, usize),
) -> Result<Option<Judge>, Failure> {
    if !config.loss.needs_distance() {
        return Ok(None);
    }
    let choice = config.networks.distance.parse::<Choice>();
    let choice = choice.map_err(|said| Failure::user(format!("networks.distance: {said}")))?;
    let judge = choice.open(&args.weights, channels, Channels::Learned).map_err(|failure| {
        failure.hint("--set loss.lpips=0 and loss.lpips_crop=0 train without it")
    })?;
    let region = face_region(&Tensor::zeros((1, 1, size, size), DType::F32, device::chosen())?)?;
    let (_, _, height, width) = region.dims4()?;
    let crop = (config.loss.lpips_crop > 0.0).then_some((height, width));
    for (height, width) in [Some((size, size)), crop].into_iter().flatten() {
        perceptual::check(&judge, (channels, height, width))?;
    }
    Ok(Some(judge))
}

/// Says how the run ended, and what to do next.
fn report(finished: &PspFinished, model: Option<PathBuf>, printer: Printer) -> Result<(), Failure> {
    let PspFinished { run, step, stopped, time } = finished;
    let seconds = time.as_secs_f64();
    let ended = if *stopped { "stopped" } else { "done" };
    printer.note(&format!("{ended} at step {step}, after {}", duration(seconds)));
    if *stopped {
        printer.note(&format!("to go on: cargo xtask train-psp --run {}", run.display()));
    } else {
        printer.note(&format!(
            "to encode with it: cargo xtask encode --psp {} --image FILE",
            run.display()
        ));
    }
    let trained = Trained {
        run: run.clone(),
        steps: *step,
        stopped: *stopped,
        seconds,
        model: model.clone(),
    };
    printer.data(&model.unwrap_or_else(|| run.clone()).display().to_string(), &trained)
}

/// Whose mistake an error is, and what to try.
pub fn psp_failure(error: PspTrainError) -> Failure {
    let error = match error {
        PspTrainError::Run(error) => return place::failure(error),
        other => other,
    };
    let hint = match &error {
        PspTrainError::Config { .. } => {
            "`cargo xtask train-psp --dry-run` prints every key with its value"
        }
        PspTrainError::Psp(PspError::UnknownTask { .. }) => {
            "the tasks are inversion, frontalisation, sketch, segmentation, super-resolution, inpainting, toonify"
        }
        PspTrainError::Psp(PspError::Decoder { .. }) => {
            "encode with the decoder that the encoder was trained for, or train one for this decoder"
        }
        PspTrainError::Psp(PspError::Mask { .. }) | PspTrainError::Maps { .. } => {
            "a map is a grey PNG whose values are classes, named as its image; --classes says how many there are"
        }
        PspTrainError::Psp(PspError::Layer { .. }) => {
            "name styles that the decoder has, such as --inject 4-7"
        }
        PspTrainError::Psp(PspError::Losses { .. }) => "set weights such as --set loss.identity=0",
        PspTrainError::Decoder(_) | PspTrainError::NoDecoder { .. } => {
            "name a generator with --decoder; `cargo xtask inspect FILE` shows what a file holds"
        }
        PspTrainError::NotA { .. } => {
            "`cargo xtask import` converts published encoders and identity networks"
        }
        PspTrainError::NotSquare { .. } => "train a decoder of square images",
        PspTrainError::Images { .. } => "leave the resolution out of --data: the decoder has one",
        PspTrainError::Diverged { .. } => "lower learning_rate, and begin another run",
        _ => "`cargo xtask train-psp --help` lists the options",
    };
    let hint = hint.to_owned();
    Failure::user_error(error).hint(hint)
}
