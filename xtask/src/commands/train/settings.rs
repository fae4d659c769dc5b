//! What was typed, as a whole configuration and a place for the run.

use std::fs;
use std::path::{Path, PathBuf};

use stylegan_trainer::config::{ConfigError, PRESETS, TrainConfig};
use stylegan_trainer::run_dir;

use super::{Args, sized};
use crate::failure::{Failure, OrFail};
use crate::place::Place;

/// What a command line means.
#[derive(Debug)]
pub struct Settings {
    /// Complete and checked.
    pub config: TrainConfig,
    /// Where the run goes.
    pub place: Place,
    /// What was chosen by itself, and why.
    pub reasons: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Lays the arguments over the configuration that they begin with.
///
/// # Errors
///
/// What is wrong with them, as the user's mistake.
pub fn resolve(args: &Args) -> Result<Settings, Failure> {
    let (mut config, resumed) = base(args)?;
    let sizing = if resumed.is_none() { sized::resolve(args)? } else { None };
    let (mut reasons, mut warnings) = (Vec::new(), Vec::new());
    match (sizing, args.hours) {
        (Some(sizing), _) => {
            (config, reasons, warnings) = (sizing.config, sizing.reasons, sizing.warnings);
        }
        (None, Some(hours)) => sized::last(&mut config, hours)?,
        (None, None) => {}
    }
    if let Some(path) = &args.config {
        let text = fs::read_to_string(path)
            .or_user_with(|| format!("cannot read the configuration `{}`", path.display()))?;
        config.apply_toml(&text).or_user_with(|| path.display().to_string()).map_err(
            |failure| failure.hint("`cargo xtask train --dry-run` prints every key with its value"),
        )?;
    }
    options(args, &mut config);
    for setting in &args.set {
        config.set(setting).map_err(failure)?;
    }
    if let Some(name) = &args.name {
        config.run.name.clone_from(name);
    } else if resumed.is_none() && (args.data.is_some() || args.resolution.is_some()) {
        config.run.name = name_of(&config);
    }
    config.validate().map_err(failure)?;
    let place = match (&args.run, resumed) {
        (_, Some(path)) => Place::Resume(path),
        (Some(path), None) => Place::unused(path)?,
        (None, None) => Place::New(config.run.name.clone()),
    };
    warnings.extend(too_short_to_grow(&config)?);
    Ok(Settings { config, place, reasons, warnings })
}

/// The configuration to begin with: a preset's, or that of a run, whose folder is given too.
fn base(args: &Args) -> Result<(TrainConfig, Option<PathBuf>), Failure> {
    if let Some(path) = args.run.as_deref().filter(|path| run_dir::is_run(path)) {
        if args.preset.is_some() {
            let said = format!("`{}` holds a run, which has its configuration", path.display());
            return Err(
                Failure::user(said).hint("leave --preset away to resume it, or begin another run")
            );
        }
        let file = path.join("config.toml");
        let text = fs::read_to_string(&file)
            .or_user_with(|| format!("cannot read `{}`", file.display()))?;
        let config = TrainConfig::from_toml(&text).or_user_with(|| file.display().to_string())?;
        return Ok((config, Some(path.to_path_buf())));
    }
    // A file may name the preset that it is laid over.
    let config = match (&args.preset, &args.config) {
        (Some(name), _) => TrainConfig::preset(name).map_err(failure)?,
        (None, Some(path)) => {
            let text = fs::read_to_string(path)
                .or_user_with(|| format!("cannot read the configuration `{}`", path.display()))
                .map_err(|failure| failure.hint("check the path after --config"))?;
            TrainConfig::from_toml(&text).or_user_with(|| path.display().to_string()).map_err(
                |failure| {
                    failure.hint("`cargo xtask train --dry-run` prints every key with its value")
                },
            )?
        }
        (None, None) => TrainConfig::default(),
    };
    Ok((config, None))
}

/// Lays the options that have names of their own over a configuration.
fn options(args: &Args, config: &mut TrainConfig) {
    if let Some(source) = &args.data {
        config.data.source.clone_from(source);
        // The preset's labels are those of the bundled faces.
        config.data.labels &= source.starts_with("faces");
        // `faces:1000@64` says the resolution too.
        let resolution = source.strip_prefix("faces").and_then(|rest| rest.split_once('@'));
        if let Some(resolution) = resolution.and_then(|(_, typed)| typed.parse().ok()) {
            config.network.resolution = resolution;
        }
    }
    if let Some(resolution) = args.resolution {
        config.network.resolution = resolution;
    }
    if let Some(kimg) = args.kimg {
        config.run.total_kimg = kimg;
    }
    if let Some(seed) = args.seed {
        config.run.seed = seed;
    }
    if let Some(dtype) = args.precision {
        config.precision.dtype = dtype;
    }
    if let Some(metrics) = &args.metrics {
        config.run.metrics.clone_from(metrics);
    }
    if let Some(samples) = args.metric_samples {
        config.run.metric_samples = samples;
    }
    if let Some(blocks) = args.freeze_d {
        config.discriminator.freeze_blocks = blocks;
    }
    config.data.skip_bad |= args.skip_bad;
    config.data.labels = (config.data.labels || args.classes) && !args.no_classes;
    config.data.mirror = (config.data.mirror || args.mirror) && !args.no_mirror;
}

/// A run's name from its images and its size: `my-images-64-f`.
fn name_of(config: &TrainConfig) -> String {
    let source = config.data.source.split([':', '@']).next().unwrap_or_default();
    let stem = Path::new(source).file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let stem: String = stem.chars().map(plain).collect();
    let stem = if stem.is_empty() { "images" } else { &stem };
    let letter = config.run.name.rsplit('-').next().filter(|last| last.len() == 1);
    let resolution = config.network.resolution;
    letter.map_or(format!("{stem}-{resolution}"), |letter| format!("{stem}-{resolution}-{letter}"))
}

fn too_short_to_grow(config: &TrainConfig) -> Result<Option<String>, Failure> {
    let schedule = config.schedule().map_err(failure)?;
    let (growing, total) = (schedule.growing_kimg(), config.run.total_kimg);
    let resolution = config.network.resolution;
    Ok(if growing > total {
        Some(format!(
            "the networks reach {resolution}x{resolution} after {growing} kimg, but the run ends \
             after {total}: raise --kimg, or lower schedule.training_kimg and transition_kimg"
        ))
    } else {
        None
    })
}

pub(super) fn failure(error: ConfigError) -> Failure {
    let hint = hint(&error);
    Failure::user_error(error).hint(hint)
}

/// What to try about a configuration that cannot be used.
pub fn hint(error: &ConfigError) -> String {
    match error {
        ConfigError::UnknownPreset { .. } => {
            format!("the presets are {}", PRESETS.map(|(name, _)| name).join(", "))
        }
        ConfigError::Setting { .. } => "an example: --set loss.r1_gamma=2".to_owned(),
        _ => "`cargo xtask train --dry-run` prints every key with its value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(args: Args) -> TrainConfig {
        resolve(&args).unwrap().config
    }

    fn refused(args: Args) -> String {
        resolve(&args).unwrap_err().to_string()
    }

    #[test]
    fn options_lie_over_files_and_files_over_presets() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        fs::write(&file, "preset = \"faces-64\"\n[run]\nseed = 5\ntotal_kimg = 7\n").unwrap();
        let args = Args { config: Some(file), kimg: Some(9.0), ..Args::default() };
        let config = resolved(args.clone());
        assert_eq!(config.network.resolution, 64);
        assert_eq!((config.run.seed, config.run.total_kimg), (5, 9.0));
        let set = vec!["run.total_kimg=11".to_owned()];
        assert_eq!(resolved(Args { set, ..args }).run.total_kimg, 11.0);
    }

    #[test]
    fn images_and_resolution_name_the_run() {
        let name = |data: &str, resolution| {
            let preset = Some("faces-32".to_owned());
            let args = Args { data: Some(data.to_owned()), resolution, preset, ..Args::default() };
            let settings = resolve(&args).unwrap();
            assert_eq!(settings.place, Place::New(settings.config.run.name.clone()));
            settings.config.run.name
        };
        assert_eq!(name("my images/", Some(16)), "my-images-16-f");
        assert_eq!(name("faces:20@16", None), "faces-16-f");
        assert_eq!(name("..", None), "images-32-f");
        assert_eq!(resolved(Args::default()).run.name, TrainConfig::default().run.name);
        let args = Args { name: Some("mine".to_owned()), ..Args::default() };
        assert_eq!(resolve(&args).unwrap().place, Place::New("mine".to_owned()));
    }

    #[test]
    fn a_run_is_resumed_with_its_own_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let args = Args { run: Some(run.clone()), ..Args::default() };
        assert_eq!(resolve(&args).unwrap().place, Place::At(run.clone()));

        fs::create_dir(&run).unwrap();
        let mut config = TrainConfig::default();
        config.run.seed = 77;
        fs::write(run.join("config.toml"), config.to_toml().unwrap()).unwrap();
        let settings = resolve(&args).unwrap();
        assert_eq!(settings.place, Place::Resume(run.clone()));
        assert_eq!(settings.config, config);
        let said = refused(Args { preset: Some("f".to_owned()), ..args });
        assert!(said.contains("holds a run"), "{said}");

        let other = folder.path().join("pictures");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("a.png"), "").unwrap();
        let said = refused(Args { run: Some(other), ..Args::default() });
        assert!(said.contains("is no run, and not empty"), "{said}");
    }

    #[test]
    fn mirroring_is_switched_both_ways() {
        let mirror =
            |mirror, no_mirror| resolved(Args { mirror, no_mirror, ..Args::default() }).data.mirror;
        assert!(mirror(true, false));
        assert!(!mirror(false, true));
        assert_eq!(mirror(false, false), TrainConfig::default().data.mirror);
    }

    #[test]
    fn a_run_too_short_to_grow_is_warned_of() {
        assert!(resolve(&Args::default()).unwrap().warnings.is_empty());
        let preset = Some("faces-32".to_owned());
        let settings = resolve(&Args { kimg: Some(1.0), preset, ..Args::default() }).unwrap();
        assert!(settings.warnings[0].contains("after 1:"), "{:?}", settings.warnings);
    }
}
