//! Whole training steps of StyleGAN2: the trainer's own loop, from a data set to the numbers that it reports and the parameters that it leaves.
//!
//! The loop draws its random numbers itself. The case holds them as data, since the implementation that it was made with was given them: what is
//! drawn has to be what the case says, and then all else has to agree as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;
use stylegan::Parameters;
use stylegan_testkit::golden::Case;
use stylegan_testkit::relative_error;
use stylegan_trainer::Training;
use stylegan_trainer::events::{Event, Progress};
use stylegan_trainer::run_dir::RunDir;

use crate::names;
use crate::report::Report;
use crate::training::compare_update;

mod draws;
mod reals;
mod settings;

pub use draws::draws;
use reals::Reals;
use settings::Settings;

/// Random numbers are the same bits everywhere; a GPU may convert them to normal numbers with other roundings.
const SAME_DRAW: f64 = 1e-6;

/// Runs a case.
pub fn run(case: &Case, report: &mut Report) -> Result<()> {
    let settings = Settings::of(&case.config)?;
    let drawn = draws(case)?;
    let stored: BTreeMap<&str, &Tensor> = case.outputs_with_prefix("input/").collect();
    report.check("what the steps draw", drawn.keys().eq(stored.keys()));
    for (name, expected) in &stored {
        let got = drawn.get(*name).with_context(|| format!("the steps do not draw {name}"))?;
        report.check(name, relative_error(got, expected) <= SAME_DRAW);
    }

    let folder = Scratch::new(&case.name)?;
    let dataset = Arc::new(Reals::new(case, &settings)?);
    let run = RunDir::at(&folder.0)?;
    let mut training = Training::new(settings.config.clone(), dataset, run, &case.device)?;
    let generator = parameters(case, "generator.")?;
    let discriminator = parameters(case, "discriminator.")?;
    let networks = training.networks();
    networks.generator_parameters.load(&generator)?;
    networks.average_parameters.load(&generator)?;
    networks.discriminator_parameters.load(&discriminator)?;
    let mut steps = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Step(progress) = event {
            steps.push(progress.clone());
        }
    };
    training.run(&mut observer, &AtomicBool::new(false))?;

    ensure!(steps.len() == settings.steps, "{} steps were done", steps.len());
    for (step, progress) in steps.iter().enumerate() {
        report.check("no step is left out", progress.skipped == 0);
        for (what, value) in figures(progress) {
            let name = format!("{what}.{step}");
            let expected = case.output(&name)?;
            report.output(&name, &Tensor::new(value as f32, &case.device)?, expected);
        }
    }
    let networks = training.networks();
    for (name, after) in case.outputs_with_prefix("after/") {
        let (network, parameter) = name.split_once('.').context("a name without a network")?;
        let (store, before) = match network {
            "generator" => (&networks.generator_parameters, &generator),
            "ema" => (&networks.average_parameters, &generator),
            "discriminator" => (&networks.discriminator_parameters, &discriminator),
            _ => anyhow::bail!("unknown network {network}"),
        };
        let ours = names::stylegan2(parameter, &case.config)?;
        let after = names::stylegan2_shape(&ours, after)?;
        compare_update(report, name, (store, &ours), before, &after)?;
    }
    covered(case, "generator", &networks.generator_parameters)?;
    covered(case, "ema", &networks.average_parameters)?;
    covered(case, "discriminator", &networks.discriminator_parameters)
}

/// The numbers of a step that the case has too.
fn figures(progress: &Progress) -> [(&'static str, f64); 6] {
    [
        ("loss.d", progress.discriminator_loss),
        ("loss.g", progress.generator_loss),
        ("score.real", progress.real_score),
        ("score.fake", progress.fake_score),
        ("penalty", progress.penalty),
        ("path_length", progress.path_length),
    ]
}

/// The golden tensors of one network under this workspace's names.
fn parameters(case: &Case, prefix: &str) -> Result<BTreeMap<String, Tensor>> {
    let all = case.parameters();
    let own = all.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)));
    own.map(|(name, tensor)| {
        let name = names::stylegan2(name, &case.config)?;
        let tensor = names::stylegan2_shape(&name, tensor)?;
        Ok((name, tensor))
    })
    .collect()
}

/// That the case tells what became of every parameter of a network.
fn covered(case: &Case, network: &str, parameters: &Parameters) -> Result<()> {
    let prefix = format!("after/{network}.");
    let compared = case.outputs_with_prefix(&prefix).count();
    let learnt = parameters.trainable().len();
    ensure!(compared >= learnt, "{compared} of the {network}'s {learnt} parameters are compared");
    Ok(())
}

/// A folder for a run that nobody looks at.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let folder = format!("stylegan-parity-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        remove(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in the folder for temporary files does no harm.
        drop(remove(&self.0));
    }
}

/// Removes what another run may have left.
fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
