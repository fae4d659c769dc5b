//! `cargo xtask project`: the latent code of an image, by optimisation.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use candle_core::Tensor;
use clap::ValueEnum;
use serde::Serialize;
use stylegan::projector::{
    ProjectionSettings, ProjectionSpace, ProjectionStep, multi_scale_pixels, project,
};
use stylegan::{Codes, fingerprint};
use stylegan_features::Backbone;
use stylegan_metrics::ppl::box_reduce;
use stylegan_trainer::psp::Judge;

use crate::device;
use crate::failure::{Failure, OrFail};
use crate::interrupt;
use crate::labels::LabelArgs;
use crate::model;
use crate::output;
use crate::perceptual::{self, Channels, PerceptualArgs};
use crate::picture::{self, Picture};
use crate::printer::Printer;
use crate::progress::Progress;
use crate::target;

/// Frames of an animation, about.
const FRAMES: usize = 60;
/// For how many frames the result stays.
const LAST: usize = 20;
const FRAMES_PER_SECOND: u32 = 15;

/// Larger images are compared by networks at half their size, a quarter and so on, down to this one.
const LARGEST_COMPARED: usize = 256;

/// Labels that the average latent of a model with labels is estimated with.
const LABELS: u64 = 1000;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model: a .safetensors file, a run's folder or a snapshot's; the newest run under runs/
    /// unless given
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// The image to find; of another size, it is cropped in the middle and resized
    #[arg(long, value_name = "FILE")]
    pub image: PathBuf,
    /// What is searched: one w for all layers, or one for each (nearer, but less like the model's own images)
    #[arg(long, value_enum, default_value_t = Space::WPlus)]
    pub space: Space,
    /// Steps of the optimizer
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: u32,
    /// How near an image is
    #[arg(long, value_enum, default_value_t = Distance::Pixels)]
    pub distance: Distance,
    /// The network of lpips and features; vgg16 unless given.
    #[command(flatten)]
    pub perceptual: PerceptualArgs,
    /// The greatest learning rate
    #[arg(long, value_name = "RATE", default_value = "0.1", value_parser = rate, allow_hyphen_values = true)]
    pub rate: f64,
    /// Leave the noise maps as the model has them; otherwise they are searched too
    #[arg(long)]
    pub keep_noise: bool,
    /// Labels, of a model that takes some.
    #[command(flatten)]
    pub labels: LabelArgs,
    /// Seed of the search
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// The folder to write to: target.png, projection.png, codes.safetensors, projection.gif
    #[arg(long, value_name = "DIR", default_value = output::FOLDER)]
    pub out: PathBuf,
    /// Write over files that are there, instead of numbering the new ones
    #[arg(long)]
    pub force: bool,
    /// Enlarge pictures by this whole factor, each pixel becoming a square
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub enlarge: u8,
}

/// The space of `--space`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Space {
    /// One w.
    #[value(name = "w")]
    #[serde(rename = "w")]
    W,
    /// One w a layer.
    #[value(name = "w+")]
    #[serde(rename = "w+")]
    WPlus,
}

/// The distance of `--distance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// Squared differences of pixels at every halved size
    Pixels,
    /// LPIPS, with published weights or, with --random-features, the features of random filters in its place
    Lpips,
    /// The features of the same network, all channels alike
    Features,
}

impl Distance {
    /// What compares images `[1, channels, H, W]` of a model whose images have this size.
    fn open(
        self,
        args: &PerceptualArgs,
        channels: usize,
        (height, width): (usize, usize),
    ) -> Result<Judge, Failure> {
        let counted = match self {
            Self::Pixels => {
                return Ok(Judge {
                    name: "pixels".to_owned(),
                    stand_in: false,
                    distance: Box::new(multi_scale_pixels),
                });
            }
            Self::Lpips => Channels::Learned,
            Self::Features => Channels::Alike,
        };
        let choice = args.choice(Backbone::Vgg16);
        let Judge { name, stand_in, distance } = choice.open(&args.weights, channels, counted)?;
        let factor = (height.min(width) / LARGEST_COMPARED).max(1);
        let reduced = move |a: &Tensor, b: &Tensor| {
            distance.distance(&box_reduce(a, factor)?, &box_reduce(b, factor)?)?.mean_all()
        };
        let judge = Judge { name, stand_in, distance: Box::new(reduced) };
        perceptual::check(&judge, (channels, height, width))?;
        Ok(judge)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    codes: &'a Path,
    picture: &'a Path,
    target: &'a Path,
    animation: &'a Path,
    space: Space,
    /// What the distance is of.
    distance_of: &'a str,
    distance: f64,
    /// That of the average image, where the search began.
    start: f64,
    step: usize,
    seconds: f64,
}

/// Searches and writes.
///
/// # Errors
///
/// When the model or the image cannot be used, or a file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let device = device::chosen();
    let path = model::locate(args.model.as_deref(), printer)?;
    let (config, tensors) = model::read_generator(&path, device)?;
    printer.note(&format!("model: {}", path.display()));
    let synthesis = &config.synthesis;
    let scale = synthesis.resolution / 4;
    let size = (synthesis.base[0] * scale, synthesis.base[1] * scale);
    let (target, found) = target::read(&args.image, size, synthesis.channels)?;
    let target = target.to_device(device)?;
    if found != size {
        let (height, width) = size;
        printer.note(&format!(
            "`{}` is {}x{}: its middle is resized to {width}x{height}",
            args.image.display(),
            found.1,
            found.0
        ));
    }
    printer.note("images are compared as they are: faces must be aligned as the model's are");
    let generator = model::open_generator(&path, device)?;
    // The search begins at the average of all that the labels allow.
    let seeds: Vec<u64> = (0..LABELS).collect();
    let labels = args.labels.of(&generator)?.of_seeds(&generator, &seeds, device)?;
    let judge = args.distance.open(&args.perceptual, synthesis.channels, size)?;
    printer.note(&format!("distance: {}", judge.name));
    let settings = ProjectionSettings {
        space: match args.space {
            Space::W => ProjectionSpace::W,
            Space::WPlus => ProjectionSpace::WPlus,
        },
        steps: args.steps as usize,
        learning_rate: args.rate,
        optimize_noise: !args.keep_noise,
        lod: model::level_of_detail(&path)?,
        seed: args.seed,
        ..ProjectionSettings::default()
    };
    // Before the work, so that a folder that cannot be made is told at once.
    let place = |name: &str| output::free_path(&args.out.join(name), args.force);
    let (codes_path, picture_path) = (place("codes.safetensors")?, place("projection.png")?);
    let (target_path, animation_path) = (place("target.png")?, place("projection.gif")?);

    let stop =
        interrupt::on_ctrl_c(printer, "stopping after this step; what is nearest so far is kept")?;
    let every = (settings.steps / FRAMES).max(1);
    let started = std::time::Instant::now();
    let way = RefCell::new(Way::default());
    let mut progress = Progress::new(printer, settings.steps as u64, "steps");
    let mut watch = |step: &ProjectionStep| {
        let mut way = way.borrow_mut();
        way.start.get_or_insert(step.distance);
        if step.step.is_multiple_of(every) {
            way.images.push(step.image.clone());
        }
        if step.step < settings.steps {
            progress.advance(1);
        }
        if stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let distance = |image: &Tensor| judge.distance.distance(image, &target);
    let result = project(&config, &tensors, labels.as_ref(), &distance, &settings, &mut watch)?;
    drop(progress);
    let seconds = started.elapsed().as_secs_f64();
    let way = way.into_inner();

    let enlarge = usize::from(args.enlarge);
    let one = |image: &Tensor| -> Result<Picture, Failure> {
        let pictures = Picture::from_tensor(image)?;
        pictures.first().map(|p| p.enlarged(enlarge)).ok_or_else(|| Failure::program("no image"))
    };
    let (goal, nearest) = (one(&target)?, one(&result.image)?);
    let codes = Codes {
        ws: result.ws,
        model: fingerprint(&tensors)?,
        names: vec![args.image.display().to_string()],
        noise: result.noise,
        labels: None,
    };
    let extra = BTreeMap::from([
        (
            "stylegan.codes.space".to_owned(),
            if args.space == Space::W { "w" } else { "w+" }.to_owned(),
        ),
        ("stylegan.codes.distance".to_owned(), format!("{} {}", judge.name, result.distance)),
        ("stylegan.codes.step".to_owned(), result.step.to_string()),
    ]);
    codes.save(&codes_path, &extra).or_user()?;
    goal.save(&target_path)?;
    nearest.save(&picture_path)?;
    let beside = |image: Picture| Picture::grid(&[Some(goal.clone()), Some(image)], 2);
    let mut frames = Vec::new();
    for image in &way.images {
        frames.push(beside(one(image)?));
    }
    frames.extend(std::iter::repeat_n(beside(nearest.clone()), LAST));
    picture::save_animation(&animation_path, &frames, FRAMES_PER_SECOND)?;
    let start = way.start.unwrap_or(result.distance);
    printer.note(&format!(
        "distance ({}) {start:.5} at the average image, {:.5} at step {}, after {seconds:.1} s",
        judge.name, result.distance, result.step
    ));
    let written = Written {
        codes: &codes_path,
        picture: &picture_path,
        target: &target_path,
        animation: &animation_path,
        space: args.space,
        distance_of: &judge.name,
        distance: result.distance,
        start,
        step: result.step,
        seconds,
    };
    let lines = [&codes_path, &picture_path, &target_path, &animation_path];
    let lines: Vec<String> = lines.iter().map(|path| path.display().to_string()).collect();
    printer.data(&lines.join("\n"), &written)
}

/// What the search passed on its way.
#[derive(Default)]
struct Way {
    start: Option<f64>,
    images: Vec<Tensor>,
}

fn rate(typed: &str) -> Result<f64, String> {
    match typed.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("a learning rate is a number above 0, such as 0.1".to_owned()),
    }
}
