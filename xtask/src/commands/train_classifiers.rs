//! `cargo xtask train-classifiers`: classifiers of attributes, for linear separability.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use serde::Serialize;
use stylegan_dataset::OpenOptions;
use stylegan_trainer::classifier::{
    About, Classifier, ClassifierConfig, ClassifierError, Trained, train,
};

use crate::collection::{Bar, failure as data_failure};
use crate::device;
use crate::evaluating::Watcher;
use crate::failure::{Failure, OrFail};
use crate::memory;
use crate::printer::Printer;
use crate::progress::{Progress, duration};

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The labelled images: faces:COUNT@RESOLUTION for the bundled faces, a prepared set or another collection with labels
    #[arg(long, value_name = "SPEC")]
    pub data: String,
    /// The folder of the classifiers; those that are in it already stay
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Thousands of images that each classifier is shown
    #[arg(long, value_name = "N", default_value_t = ClassifierConfig::default().kimg)]
    pub kimg: f64,
    /// Images a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
    /// Resolution of the images, where the collection does not say
    #[arg(long, value_name = "PIXELS", default_value_t = 32)]
    pub resolution: usize,
    /// Overall multiplier of the number of feature maps; 8192 in the paper
    #[arg(long, value_name = "N", default_value_t = ClassifierConfig::default().fmap_base)]
    pub fmap_base: usize,
    /// Upper bound of that number; 512 in the paper
    #[arg(long, value_name = "N", default_value_t = ClassifierConfig::default().fmap_max)]
    pub fmap_max: usize,
    /// Do not mirror images at random
    #[arg(long)]
    pub no_mirror: bool,
    /// Seed of weights and order
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// A line of output.
#[derive(Serialize)]
struct Line<'a> {
    path: PathBuf,
    #[serde(flatten)]
    about: &'a About,
}

/// Trains and prints the accuracies.
///
/// # Errors
///
/// When the images or the folder cannot be used; classifiers that were finished stay.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    memory::keep();
    if args.kimg.is_nan() || args.kimg <= 0.0 {
        return Err(
            Failure::user(format!("--kimg {} trains nothing", args.kimg)).hint("take 5 or more")
        );
    }
    let bar = Bar::new(printer, "images read");
    let options = OpenOptions {
        resolution: (args.resolution, args.resolution),
        class_per_folder: true,
        ..OpenOptions::default()
    };
    let dataset = stylegan_dataset::open(&args.data, &options, &|at| bar.report(at));
    let dataset = dataset.map_err(data_failure)?;
    drop(bar);
    fs::create_dir_all(&args.out)
        .or_user_with(|| format!("cannot make the folder {}", args.out.display()))?;
    let config = ClassifierConfig {
        kimg: args.kimg,
        batch: args.batch.into(),
        fmap_base: args.fmap_base,
        fmap_max: args.fmap_max,
        mirror: !args.no_mirror,
        seed: args.seed,
        ..ClassifierConfig::default()
    };
    printer.note(&format!("data: {}", dataset.describe()));
    let watch = Watcher::new(printer)?;
    let start = Instant::now();
    let bar = Mutex::new(None::<Progress>);
    let progress = |done: u64, total: u64| {
        // A poisoned bar is still a bar.
        let mut bar = bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        bar.get_or_insert_with(|| Progress::new(printer, total, "images shown")).reach(done);
    };
    let trained =
        train(dataset.as_ref(), &config, &args.out, device::chosen(), watch.stopped(), &progress);
    let trained = trained.map_err(failure)?;
    drop(bar);
    printer.note(&format!(
        "{} attributes in {}",
        trained.len(),
        duration(start.elapsed().as_secs_f64())
    ));
    report(&trained, &args.out, printer)?;
    if trained.iter().any(|one| matches!(one, Trained::Stopped { .. })) {
        return Err(Failure::user("stopped before the last classifier")
            .hint("run it again: it goes on with those that are missing"));
    }
    Ok(())
}

fn report(trained: &[Trained], folder: &Path, printer: Printer) -> Result<(), Failure> {
    if !printer.json() {
        printer.line(&format!("{:20} {:>9} {:>15}", "attribute", "accuracy", "images with it"))?;
    }
    for one in trained {
        let (Trained::Found(about) | Trained::Done(about)) = one else { continue };
        let path = Classifier::file(folder, &about.attribute);
        let plain = format!(
            "{:20} {:>8.1}% {:>14.1}%",
            about.attribute,
            100.0 * about.accuracy,
            100.0 * about.share
        );
        printer.data(&plain, &Line { path, about })?;
    }
    Ok(())
}

/// Whose mistake an error of classifiers is, and what to try.
pub fn failure(error: ClassifierError) -> Failure {
    let hint = match &error {
        ClassifierError::Compute(_) => return Failure::program(error),
        ClassifierError::NoLabels { .. } => {
            "take faces:COUNT@RESOLUTION, a folder a class, or a prepared set with labels"
        }
        ClassifierError::TooFew { .. } => "take more images, or a smaller --batch",
        ClassifierError::None { .. } => "`cargo xtask train-classifiers` makes them",
        ClassifierError::Mixed { .. } => {
            "keep the classifiers of each set in a folder of their own"
        }
        _ => "name another folder",
    };
    Failure::user_error(error).hint(hint)
}
