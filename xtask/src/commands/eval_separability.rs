//! `cargo xtask eval-separability`: linear separability in z and in w.

use std::path::{Path, PathBuf};
use std::time::Instant;

use stylegan_metrics::MetricResult;
use stylegan_trainer::classifier::ClassifierSet;
use stylegan_trainer::evaluation::{
    FileCache, SeparabilityRun, SpaceResult, directions, latents, scores, separability,
};

use crate::commands::train_classifiers;
use crate::device;
use crate::evaluating::{Model, Watcher, cache_folder, failure, publish};
use crate::failure::{Failure, OrFail};
use crate::output;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The model: a .safetensors file, a run's folder or a snapshot's; the newest run under runs/ unless given
    #[arg(long, value_name = "PATH")]
    pub model: Option<PathBuf>,
    /// The folder of classifiers that `train-classifiers` made
    #[arg(long, value_name = "DIR")]
    pub classifiers: PathBuf,
    /// Images to generate and judge
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(2..))]
    pub samples: u32,
    /// The most confident ones that each attribute keeps
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: u32,
    /// Images at a time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
    /// Seed of latents and noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Write the normals of each space as directions to edit with: DIR/directions-z.safetensors and directions-w.safetensors
    #[arg(long, value_name = "DIR")]
    pub directions: Option<PathBuf>,
    /// Append results to this file as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where scores are kept, so that an interrupted evaluation goes on; `evaluations` in the cache of all
    /// runs unless given
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
///
/// When the model or the classifiers cannot be had; an interrupted evaluation keeps what it computed.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let classifiers = ClassifierSet::open(&args.classifiers, device::chosen())
        .map_err(train_classifiers::failure)?;
    if args.keep > args.samples {
        return Err(Failure::user(format!("--keep {} of {} samples", args.keep, args.samples))
            .hint("the official metric keeps half of the samples"));
    }
    let model = Model::open(args.model.as_deref(), printer)?;
    let run = SeparabilityRun {
        samples: args.samples as usize,
        keep: args.keep as usize,
        batch: args.batch.into(),
        seed: args.seed,
    };
    let cache = cache_folder(args.cache.as_deref())?;
    let watch = Watcher::new(printer)?;
    let (spaces, results) = measure(&model, &classifiers, &run, &cache, &watch, printer)?;
    for space in &spaces {
        if let Some(folder) = &args.directions {
            let name = format!("directions-{}.safetensors", space.space);
            let path = output::free_path(&folder.join(name), true)?;
            let (tensors, metadata) =
                directions(space, &classifiers, &model.identity).map_err(Failure::program)?;
            let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
            stylegan_checkpoint::save(&path, named, &metadata).or_user()?;
            printer.note(&format!("directions: {}", path.display()));
        }
    }
    publish(&results, args.out.as_deref(), printer)
}

/// Draws, judges and fits; the planes of both spaces, and the results.
///
/// # Errors
///
/// An interrupted measurement keeps the scores that it computed.
pub fn measure(
    model: &Model,
    classifiers: &ClassifierSet,
    run: &SeparabilityRun,
    cache: &Path,
    watch: &Watcher,
    printer: Printer,
) -> Result<(Vec<SpaceResult>, Vec<MetricResult>), Failure> {
    let subject = model.subject();
    // The number of samples is not part of the key: fewer are the first of more.
    let key = format!(
        "ls of {} by {} seed {} batch {}",
        model.identity,
        classifiers.identity(),
        run.seed,
        run.batch
    );
    let mut cache = FileCache::open(cache, "ls", &key).map_err(failure)?;
    if !cache.is_empty() {
        printer.note(&format!("{} batches are in the cache", cache.len()));
    }
    let start = Instant::now();
    let judged = scores(&subject, classifiers, run, &mut cache, watch).map_err(failure)?;
    let judging = start.elapsed().as_secs_f64();
    let latents = latents(&subject, run).map_err(failure)?;
    let spaces = separability(&latents, &judged, classifiers, run).map_err(failure)?;
    let result = |space: &SpaceResult| {
        space.result.clone().with_network(model.id()).with_note(format!(
            "the images were drawn and judged in {judging:.1} s; the time above is that of the fits"
        ))
    };
    let results = spaces.iter().map(result).collect();
    Ok((spaces, results))
}
