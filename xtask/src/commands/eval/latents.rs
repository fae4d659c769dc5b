//! Metrics of a model's latents: path length and separability, by the code of their own commands.

use std::path::Path;

use stylegan_features::Backbone;
use stylegan_metrics::MetricResult;
use stylegan_metrics::ppl::{PplSettings, Sampling, Space};
use stylegan_trainer::classifier::ClassifierSet;
use stylegan_trainer::evaluation::SeparabilityRun;

use super::{Args, Metric, Setting};
use crate::commands::{eval_ppl, eval_separability, train_classifiers};
use crate::device;
use crate::evaluating::{Model, Watcher, cache_folder, fits_crop};
use crate::failure::Failure;
use crate::printer::Printer;

/// Measures.
pub(super) fn run(
    metrics: &[Metric],
    args: &Args,
    watch: &Watcher,
    printer: Printer,
) -> Result<Vec<MetricResult>, Failure> {
    if metrics.is_empty() {
        return Ok(Vec::new());
    }
    let setting = &args.setting;
    if setting.images.is_some() {
        return Err(Failure::user(
            "ppl and ls look at a model's latents, which pictures have none of",
        )
        .hint("name a model with --model, or leave ppl and ls out of --metrics"));
    }
    // What is missing is said before anything is measured.
    let classifiers = match (metrics.contains(&Metric::Ls), &args.classifiers) {
        (false, _) => None,
        (true, Some(folder)) => {
            let set = ClassifierSet::open(folder, device::chosen());
            Some(set.map_err(train_classifiers::failure)?)
        }
        (true, None) => {
            return Err(Failure::user("the metric ls needs classifiers of attributes").hint(
                "name their folder with --classifiers; `cargo xtask train-classifiers` makes one",
            ));
        }
    };
    let network = match metrics.contains(&Metric::Ppl) {
        true => Some(setting.weights.lpips(Backbone::Vgg16)?),
        false => None,
    };
    let model = Model::open(setting.model.as_deref(), printer)?;
    let cache = cache_folder(setting.cache.as_deref())?;
    let mut results = Vec::new();
    if let Some((lpips, network)) = network {
        let cache = cache.clone();
        let measuring = eval_ppl::Measuring { model: &model, lpips, network, cache, printer };
        for sampling in [Sampling::Full, Sampling::End] {
            results.push(measuring.measure(&path(setting, sampling, &model), watch)?);
        }
    }
    if let Some(classifiers) = classifiers {
        results.extend(separability(setting, &model, &classifiers, &cache, watch, printer)?);
    }
    Ok(results)
}

fn path(setting: &Setting, sampling: Sampling, model: &Model) -> PplSettings {
    let own = PplSettings::new(setting.protocol.path(), Space::W, sampling);
    let (height, _) = model.generator.synthesis().pyramid().full_size();
    PplSettings {
        pairs: setting.samples.map_or(own.pairs, |samples| samples as usize),
        crop: own.crop && fits_crop(height),
        seed: setting.seed,
        ..own
    }
}

fn separability(
    setting: &Setting,
    model: &Model,
    classifiers: &ClassifierSet,
    cache: &Path,
    watch: &Watcher,
    printer: Printer,
) -> Result<Vec<MetricResult>, Failure> {
    let own = SeparabilityRun { seed: setting.seed, ..SeparabilityRun::default() };
    let samples = setting.samples.map_or(own.samples, |samples| samples as usize);
    let run = SeparabilityRun { samples, keep: samples / 2, ..own };
    let (_, results) = eval_separability::measure(model, classifiers, &run, cache, watch, printer)?;
    Ok(results)
}
