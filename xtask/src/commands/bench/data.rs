//! `cargo xtask bench --mode data`: how fast a collection opens and delivers batches.
//!
//! Without a collection, two prepared sets are made in a temporary folder by repeating small ones,
//! and each is measured in a process of its own, so that its memory is its own too.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;
use stylegan_dataset::{
    Dataset, Faces, FacesConfig, Image, Labels, Loader, LoaderConfig, OpenOptions, PrepareOptions,
    Raw, Source, open, prepare, silent,
};

use super::{Args, hundredths, peak_memory};
use crate::collection::failure;
use crate::failure::{Failure, OrFail};
use crate::printer::Printer;

/// Faces that are drawn to be repeated.
const DRAWN: usize = 256;

/// Pictures of the sets that are made: resolution given and number, and a million tiny ones.
const MANY: usize = 10_000;
const MILLION: usize = 1_000_000;
const TINY: usize = 8;

/// How long batches are read, in seconds.
const SECONDS: f64 = 3.0;

#[derive(Serialize)]
struct Line<'a> {
    tool: &'a str,
    mode: &'a str,
    data: &'a str,
    images: usize,
    resolution: (usize, usize),
    batch: usize,
    workers: usize,
    open_ms: f64,
    /// The peak when it was open, before a picture was read: pages of the map that were read count as memory too, though the
    /// system takes them back when it needs them.
    open_memory_mb: Option<f64>,
    images_per_second: f64,
    ms_per_batch: f64,
    peak_memory_mb: Option<f64>,
}

/// Measures and prints a line a collection.
///
/// # Errors
///
/// When a collection does not open, or a set cannot be made.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    if let Some(spec) = &args.data {
        return measure(spec, args, printer);
    }
    let folder = std::env::temp_dir().join(format!("stylegan-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .or_user_with(|| format!("cannot make `{}`", folder.display()))?;
    let measured = made(&folder, args, printer);
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn made(folder: &Path, args: &Args, printer: Printer) -> Result<(), Failure> {
    for (count, side) in [(MANY, args.resolution), (MILLION, TINY)] {
        let set = folder.join(format!("{count}-of-{side}"));
        printer.note(&format!("making a set of {count} images of {side}x{side}"));
        let source = Repeated::new(count, side)?;
        let options = PrepareOptions { resolution: (side, side), ..PrepareOptions::default() };
        let never = AtomicBool::new(false);
        prepare(&source, source.labels(), None, &set, &options, &silent, &never)
            .map_err(failure)?;
        let program = std::env::current_exe().or_user_with(|| "cannot start itself".to_owned())?;
        let output = Command::new(program)
            .args(["bench", "--mode", "data", "--data"])
            .arg(&set)
            .args(["--resolution", &side.to_string(), "--batch", &args.batch.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .or_user_with(|| "cannot start itself".to_owned())?;
        if !output.status.success() {
            return Err(Failure::program("the measuring process failed"));
        }
        printer.line(String::from_utf8_lossy(&output.stdout).trim_end())?;
    }
    Ok(())
}

fn measure(spec: &str, args: &Args, printer: Printer) -> Result<(), Failure> {
    let side = args.resolution;
    let options = OpenOptions { resolution: (side, side), ..OpenOptions::default() };
    let started = Instant::now();
    let data: Arc<dyn Dataset> = Arc::from(open(spec, &options, &silent).map_err(failure)?);
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let open_memory = peak_memory();
    let images = data.len();
    let config = LoaderConfig { mirror: true, ..LoaderConfig::default() };
    let workers = config.workers;
    let mut loader = Loader::new(data, config).map_err(failure)?;
    // One epoch at most warms the pages up; a larger set is read as it lies.
    let warm_up = images.min(2048);
    loader.next_batch(warm_up).map_err(failure)?;
    let started = Instant::now();
    let mut batches = 0u32;
    while started.elapsed().as_secs_f64() < SECONDS {
        loader.next_batch(args.batch).map_err(failure)?;
        batches += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    let line = Line {
        tool: concat!("stylegan ", env!("CARGO_PKG_VERSION")),
        mode: "data",
        data: spec,
        images,
        resolution: (side, side),
        batch: args.batch,
        workers,
        open_ms: hundredths(open_ms),
        open_memory_mb: open_memory.map(|bytes| hundredths(bytes / 1e6)),
        images_per_second: hundredths(f64::from(batches) * args.batch as f64 / seconds),
        ms_per_batch: hundredths(seconds * 1e3 / f64::from(batches)),
        peak_memory_mb: peak_memory().map(|bytes| hundredths(bytes / 1e6)),
    };
    printer.line(&serde_json::to_string(&line).map_err(Failure::program)?)
}

/// A few faces, over and over.
#[derive(Debug)]
struct Repeated {
    images: Vec<Image>,
    count: usize,
    labels: Labels,
}

impl Repeated {
    fn new(count: usize, side: usize) -> Result<Self, Failure> {
        let config =
            FacesConfig { count: DRAWN, resolution: (side, side), ..FacesConfig::default() };
        let faces = Faces::new(config).map_err(failure)?;
        let images = (0..DRAWN).map(|index| faces.get(index).map(|sample| sample.image));
        let images = images.collect::<Result<_, _>>().map_err(failure)?;
        Ok(Self { images, count, labels: Labels::none() })
    }
}

impl Source for Repeated {
    fn describe(&self) -> String {
        "repeated faces".to_owned()
    }

    fn len(&self) -> usize {
        self.count
    }

    fn name(&self, index: usize) -> String {
        format!("{index:08}")
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        Ok(Raw::Pixels(self.images[index % DRAWN].clone()))
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }
}
