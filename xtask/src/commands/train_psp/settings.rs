//! What was typed, as a whole configuration and a place for the run.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Device;
use stylegan_features::Backbone;
use stylegan_psp::Task;
use stylegan_trainer::psp::{PspConfig, PspTrainError, PspTraining};
use stylegan_trainer::run_dir;

use super::{Args, psp_failure};
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::place::Place;
use crate::printer::Printer;

/// What a command line means.
#[derive(Debug)]
pub struct Settings {
    /// Complete and checked.
    pub config: PspConfig,
    /// Where the run goes.
    pub place: Place,
    /// Height and width of the images.
    pub image_size: usize,
    /// Their channels.
    pub channels: usize,
}

/// Lays the arguments over the task's preset, or over those of the run that is resumed.
///
/// # Errors
///
/// What is wrong with them, as the user's mistake.
pub fn resolve(args: &Args, printer: Printer) -> Result<Settings, Failure> {
    let resumed = args.run.as_deref().filter(|path| run_dir::is_run(path));
    let (mut config, place) = match resumed {
        Some(path) => (stored(path, args)?, Place::Resume(path.to_path_buf())),
        None => begun(args, printer)?,
    };
    if let Some(steps) = args.steps {
        config.steps = steps;
    }
    for setting in &args.set {
        config.set(setting).map_err(psp_failure)?;
    }
    config.validate().map_err(psp_failure)?;
    let decoder = model::open_generator(Path::new(&config.networks.decoder), &Device::Cpu)?;
    let (styles, w_dim) = (decoder.num_layers(), decoder.config().mapping.w_dim);
    config.encoder.fits(styles, w_dim).map_err(|e| psp_failure(PspTrainError::Psp(e)))?;
    let image_size = PspTraining::image_size(&decoder).map_err(psp_failure)?;
    let channels = decoder.config().synthesis.channels;
    Ok(Settings { config, place, image_size, channels })
}

/// The configuration of a run that is there.
fn stored(path: &Path, args: &Args) -> Result<PspConfig, Failure> {
    let fixed = [
        ("--task", args.task.is_some()),
        ("--decoder", args.decoder.is_some()),
        ("--data", args.data.is_some()),
        ("--maps", args.maps.is_some()),
        ("--classes", args.classes.is_some()),
        ("--backbone", args.backbone.is_some()),
        ("--seed", args.seed.is_some()),
        ("--train-decoder", args.train_decoder),
        ("--lpips", args.distance.lpips.is_some()),
        ("--random-features", args.distance.weights.random_features.is_some()),
    ];
    if let Some((name, _)) = fixed.iter().find(|(_, given)| *given) {
        let said = format!("`{}` holds a run, which has its {name} already", path.display());
        return Err(Failure::user(said)
            .hint(format!("leave {name} away to resume it, or begin another run")));
    }
    let file = path.join("config.toml");
    let text =
        fs::read_to_string(&file).or_user_with(|| format!("cannot read `{}`", file.display()))?;
    PspConfig::from_toml(&text)
        .or_user_with(|| format!("`{}` is no run of an encoder", path.display()))
        .map_err(|failure| failure.hint("runs of generators go on with `cargo xtask train --run`"))
}

/// A new run's configuration.
fn begun(args: &Args, printer: Printer) -> Result<(PspConfig, Place), Failure> {
    let task = args.task.as_deref().unwrap_or("inversion").parse::<Task>();
    let task = task.map_err(|error| psp_failure(PspTrainError::Psp(error)))?;
    let path = model::locate(args.decoder.as_deref(), printer)?;
    let decoder = model::open_generator(&path, &Device::Cpu)?;
    let lod = model::level_of_detail(&path)?;
    if lod > 0.0 {
        printer.note(&format!(
            "warning: the decoder still grows (lod {lod:.2}): its finer layers have learned nothing yet"
        ));
    }
    let size = PspTraining::image_size(&decoder).map_err(psp_failure)?;
    let (resolution, _) = decoder.synthesis().pyramid().full_size();
    let channels = decoder.config().synthesis.channels;
    let styles = (decoder.num_layers(), decoder.config().mapping.w_dim);
    let classes = args.classes.unwrap_or(0);
    if task == Task::Segmentation && (classes == 0 || args.maps.is_none()) {
        return Err(Failure::user("segmentation needs maps of classes, and how many classes")
            .hint("add --maps FOLDER and --classes N"));
    }
    let mut config = PspConfig::for_decoder(task, styles, (resolution, channels), classes);
    config.networks.decoder = path.to_string_lossy().into_owned();
    config.data = args.data.clone().unwrap_or_else(|| format!("faces@{size}"));
    config.maps = args.maps.clone().unwrap_or_default();
    config.train_decoder = args.train_decoder;
    config.seed = args.seed.unwrap_or(0);
    let named = |path: &Option<PathBuf>| {
        path.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    };
    config.networks.backbone = named(&args.backbone);
    config.networks.identity = named(&args.identity);
    config.networks.distance = args.distance.choice(Backbone::AlexNet).to_string();
    if !config.networks.backbone.is_empty() && resolution < 256 {
        // A published backbone has the published widths.
        config.encoder.backbone = stylegan_psp::BackboneConfig::default();
    }
    let place = match &args.run {
        Some(path) => Place::unused(path)?,
        None => Place::New(format!("psp-{task}-{resolution}")),
    };
    Ok((config, place))
}
