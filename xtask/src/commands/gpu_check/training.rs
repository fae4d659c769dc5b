//! The first steps of the default preset, on the device and on the processor.
//!
//! Both draw the same random numbers, so the first losses differ by rounding alone. Without a first moment, Adam's first steps are as long whatever the gradient's size: where
//! it is all but zero, rounding decides the sign, and a difference grows some thirtyfold a step. So the first step is held closely, three steps less so, and
//! the means of the last quarter loosely.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Device;
use stylegan_dataset::{Dataset, OpenOptions, silent};
use stylegan_ops::tf32_allowed;
use stylegan_trainer::Training;
use stylegan_trainer::config::{PRESETS, TrainConfig};
use stylegan_trainer::events::Event;
use stylegan_trainer::run_dir::RunDir;

use super::report::Report;
use crate::failure::{Failure, OrFail};

/// First steps, and how far they may be apart, relative to losses of size 1 or larger; with TF32 in the products, which begins with a thousandth.
const FIRST: [(usize, f64, f64); 2] = [(1, 1e-5, 1e-2), (3, 1e-2, 1e-1)];

/// How far the means of the last quarter may be apart.
const LOOSE: f64 = 0.15;

/// The losses of both networks, step by step.
type Curve = Vec<[f64; 2]>;

/// Trains twice and compares.
///
/// # Errors
///
/// When a training cannot be run.
pub fn check(steps: usize, device: &Device, report: &mut Report) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("stylegan-gpu-check-{}", std::process::id()));
    let got = curve(steps, device, &folder.join("device"));
    let expected = curve(steps, &Device::Cpu, &folder.join("processor"));
    // What is left behind is of no use to anyone.
    let _ = std::fs::remove_dir_all(&folder);
    let (got, expected) = (got?, expected?);
    for (network, name) in ["generator", "discriminator"].into_iter().enumerate() {
        let apart = |range: std::ops::Range<usize>| {
            let pairs = got[range.clone()].iter().zip(&expected[range]);
            let far = |(a, b): (&[f64; 2], &[f64; 2])| {
                (a[network] - b[network]).abs() / b[network].abs().max(1.0)
            };
            // A NaN stays.
            pairs
                .map(far)
                .fold(0.0, |most: f64, far| if far > most || far.is_nan() { far } else { most })
        };
        let mean = |curve: &Curve| {
            let last = &curve[curve.len() - (curve.len() / 4).max(1)..];
            last.iter().map(|losses| losses[network]).sum::<f64>() / last.len() as f64
        };
        for (first, float32, tf32) in FIRST.into_iter().filter(|(first, ..)| *first <= steps) {
            let what = format!("{name}'s loss, steps up to {first}");
            report.compare(&what, apart(0..first), if tf32_allowed() { tf32 } else { float32 });
        }
        let (ours, theirs) = (mean(&got), mean(&expected));
        report
            .note(&format!("     {name}'s mean loss at the end: {ours:.4}, processor {theirs:.4}"));
        let what = format!("{name}'s mean loss, last quarter of {steps} steps");
        report.compare(&what, (ours - theirs).abs(), LOOSE);
    }
    Ok(())
}

fn curve(steps: usize, device: &Device, folder: &Path) -> Result<Curve, Failure> {
    let (preset, _) = PRESETS[0];
    let mut config = TrainConfig::preset(preset).or_user()?;
    config.data.source = "faces:1000".to_owned();
    // No snapshot and no picture between the steps.
    config.schedule.tick_kimg = 1e6;
    let options = OpenOptions {
        resolution: config.image_size(),
        channels: config.network.channels,
        ..OpenOptions::default()
    };
    let dataset = stylegan_dataset::open(&config.data.source, &options, &silent).or_user()?;
    let dataset: Arc<dyn Dataset> = Arc::from(dataset);
    let run = RunDir::at(folder).or_user()?;
    let mut training = Training::new(config, dataset, run, device).or_user()?;
    let (mut curve, stop) = (Curve::new(), AtomicBool::new(steps == 0));
    let mut watch = |event: &Event| {
        if let Event::Step(progress) = event {
            curve.push([progress.generator_loss, progress.discriminator_loss]);
            stop.fetch_or(curve.len() >= steps, Ordering::Relaxed);
        }
    };
    training.run(&mut watch, &stop).or_user()?;
    // A GPU's losses are read a step late, and by then it has taken one more.
    curve.truncate(steps);
    Ok(curve)
}
