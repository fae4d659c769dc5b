//! `cargo xtask bench --mode metrics`: what most of an evaluation's time goes to: LPIPS on VGG16 at 256x256, FID's Inception network, the root of a
//! product of two covariances, and the support vector machines of 40 attributes in both latent spaces, once. The networks have random weights,
//! which no time depends on.

use std::time::Instant;

use candle_core::{Device, Tensor};
use serde::Serialize;
use stylegan_features::{Backbone, Inception, Lpips, Sampling, Weights};
use stylegan_metrics::separability::{SvmSettings, Targets, linear_svm};
use stylegan_metrics::{Divisor, Features, Gaussian, trace_of_root};
use stylegan_ops::random::Stream;

use super::{Args, WARM_UP, hundredths, peak_memory};
use crate::device;
use crate::failure::{Failure, OrFail};
use crate::printer::Printer;

/// Side of LPIPS's images, and of the Inception network's.
const LPIPS_SIDE: usize = 256;
const INCEPTION_SIDE: usize = 299;

#[derive(Serialize)]
struct Line<'a> {
    tool: &'a str,
    mode: &'a str,
    what: &'a str,
    batch: usize,
    threads: usize,
    /// The median of the steps.
    seconds: f64,
    best_seconds: f64,
    /// Pairs, images or attributes; roots of one matrix.
    per_second: f64,
    peak_memory_mb: Option<f64>,
}

/// Measures and prints a line each.
///
/// # Errors
///
/// When a network cannot be made.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let images = |stream: u64, side: usize| {
        let stream = Stream::new(0, stream, 0);
        stream.uniform((args.batch, 3, side, side), device::chosen())?.affine(2.0, -1.0)
    };
    let weights = Weights::random(&Backbone::Vgg16.shapes(), 0).or_user()?;
    let weights = weights.to_device(device::chosen()).or_user()?;
    let lpips = Lpips::new(Backbone::Vgg16, &weights).or_user()?;
    let (a, b) = (images(0, LPIPS_SIDE)?, images(1, LPIPS_SIDE)?);
    measure("lpips vgg16 256x256, pairs", args.batch, args, printer, || {
        lpips.distance(&a, &b).map(drop).or_user()
    })?;
    drop(lpips);
    let weights = Weights::random(&Inception::shapes(), 0).or_user()?;
    let weights = weights.to_device(device::chosen()).or_user()?;
    let inception = Inception::new(&weights, Sampling::Centres).or_user()?;
    let x = images(2, INCEPTION_SIDE)?;
    measure("inception 299x299, images", args.batch, args, printer, || {
        inception.features(&x).map(drop).or_user()
    })?;
    let gaussian = |stream: u64| -> Result<Gaussian, Failure> {
        let rows = Stream::new(0, stream, 1).normal((4096, Inception::DIMS), &Device::Cpu)?;
        let features = Features::from_tensor(&rows).or_user()?;
        Gaussian::of(&features, Divisor::Unbiased).or_user()
    };
    let (a, b) = (gaussian(3)?, gaussian(4)?);
    measure("root of a product of covariances 2048x2048", 1, args, printer, || {
        trace_of_root(&a.covariance, &b.covariance).map(drop).or_user()
    })?;
    machines(printer)
}

/// Samples, components and attributes of the paper's linear separability; half of the samples are kept.
const SAMPLES: usize = 200_000;
const COMPONENTS: usize = 512;
const ATTRIBUTES: usize = 40;

/// Machines for attributes that depend on a w which is correlated and bent, as a mapping network makes it of z; a third of a deviation of noise
/// keeps them from being perfectly separable.
fn machines(printer: Printer) -> Result<(), Failure> {
    let normal = |shape, stream| Stream::new(0, stream, 1).normal(shape, &Device::Cpu);
    let z = normal((SAMPLES, COMPONENTS), 5)?;
    let scale = 1.0 / (COMPONENTS as f64).sqrt();
    let gains: Vec<f32> =
        (0..COMPONENTS).map(|i| (-4.0 * i as f32 / COMPONENTS as f32).exp()).collect();
    let gains = Tensor::from_vec(gains, COMPONENTS, &Device::Cpu)?;
    let bent = stylegan_ops::linear(&z, &normal((COMPONENTS, COMPONENTS), 6)?, scale)?;
    let bent = stylegan_ops::leaky_relu(&bent, 0.2)?.broadcast_mul(&gains)?;
    let w = stylegan_ops::linear(&bent, &normal((COMPONENTS, COMPONENTS), 7)?, scale)?;
    drop(bent);
    let scores = stylegan_ops::linear(&w, &normal((ATTRIBUTES, COMPONENTS), 8)?, 1.0)?;
    let scores = scores.broadcast_sub(&scores.mean_keepdim(0)?)?;
    let deviation = scores.sqr()?.mean_keepdim(0)?.sqrt()?;
    let noise = normal((SAMPLES, ATTRIBUTES), 9)?.affine(0.3, 0.0)?;
    let scores = (scores.broadcast_div(&deviation)? + noise)?.flatten_all()?.to_vec1::<f32>()?;
    let targets = Targets::most_confident(&scores, ATTRIBUTES, SAMPLES / 2);
    for (x, what) in [(z, "40 machines in z, attributes"), (w, "40 machines in w, attributes")] {
        let started = Instant::now();
        linear_svm(&x, &targets, &SvmSettings::default())?;
        say(what, ATTRIBUTES, &[started.elapsed().as_secs_f64()], printer)?;
    }
    Ok(())
}

fn measure(
    what: &str,
    batch: usize,
    args: &Args,
    printer: Printer,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut times = Vec::with_capacity(args.steps);
    for step in 0..WARM_UP / 2 + args.steps {
        let started = Instant::now();
        work()?;
        if step >= WARM_UP / 2 {
            times.push(started.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    say(what, batch, &times, printer)
}

/// A line; times in ascending order.
fn say(what: &str, batch: usize, times: &[f64], printer: Printer) -> Result<(), Failure> {
    let (median, best) = (times[times.len() / 2], times[0]);
    let line = Line {
        tool: concat!("stylegan ", env!("CARGO_PKG_VERSION")),
        mode: "metrics",
        what,
        batch,
        threads: rayon::current_num_threads(),
        seconds: hundredths(median * 100.0) / 100.0,
        best_seconds: hundredths(best * 100.0) / 100.0,
        per_second: hundredths(batch as f64 / best),
        peak_memory_mb: peak_memory().map(|bytes| hundredths(bytes / 1e6)),
    };
    printer.line(&serde_json::to_string(&line).map_err(Failure::program)?)
}
