//! Runs in half precision: beside float32, with scaled losses, interrupted.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::DType;
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::{Event, Progress};
use stylegan_trainer::run_dir::RunDir;

use crate::small;

/// Either generation, with two of three resolutions in a format.
fn config(preset: &str, settings: &[&str]) -> TrainConfig {
    let mut config = small::preset(preset);
    for setting in ["precision.half_blocks=2"].iter().chain(settings) {
        config.set(setting).unwrap();
    }
    config
}

/// Trains to the end; the numbers of every step.
fn steps(config: &TrainConfig) -> Vec<Progress> {
    let root = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Step(progress) = event {
            all.push(progress.clone());
        }
    };
    small::train_watched(config, root.path(), &mut observer);
    all
}

#[test]
fn losses_follow_those_of_float32() {
    for preset in ["faces-32", "faces-32-sg2"] {
        // Adam divides gradients by their size, so that small ones and their errors count: slow steps.
        let slow = ["optimizer.learning_rate=1e-4", "optimizer.learning_rate_at={}"];
        let single = steps(&config(preset, &slow));
        assert_eq!(single.len(), 20);
        for (dtype, limit) in [("bfloat16", 0.05), ("float16", 0.02)] {
            let dtype_is = format!("precision.dtype={dtype}");
            let half = steps(&config(preset, &[slow[0], slow[1], &dtype_is]));
            assert_eq!(half.len(), single.len());
            let scaled = dtype == "float16";
            assert!(half.iter().all(|step| step.loss_scale.is_some() == scaled));
            let losses = |steps: &[Progress]| -> Vec<f64> {
                steps.iter().flat_map(|s| [s.generator_loss, s.discriminator_loss]).collect()
            };
            let (half, single) = (losses(&half), losses(&single));
            let apart = half.iter().zip(&single).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            let error = (apart / single.iter().map(|b| b.powi(2)).sum::<f64>()).sqrt();
            assert!((1e-6..limit).contains(&error), "{preset} in {dtype}: {error}");
        }
    }
}

#[test]
fn a_scale_that_is_too_large_is_halved_and_no_trouble() {
    let settings =
        ["precision.dtype=float16", "precision.loss_scale=16777216", "run.rollback_after=1"];
    let root = tempfile::tempdir().unwrap();
    let (mut scales, mut last) = (Vec::new(), None);
    let mut observer = |event: &Event| match event {
        Event::LossScaled { scale, parameter, .. } => {
            assert!(!parameter.is_empty());
            scales.push(*scale);
        }
        Event::Step(progress) => last = Some((progress.loss_scale.unwrap(), progress.skipped)),
        Event::Skipped { .. } | Event::RolledBack { .. } => panic!("{event}"),
        _ => {}
    };
    let config = config("faces-32-sg2", &settings);
    let finished = small::train_watched(&config, root.path(), &mut observer);
    assert_eq!((finished.images, finished.stopped), (160, false));
    let halves: Vec<f64> = (1..=scales.len()).map(|n| 16_777_216.0 / 2f64.powi(n as i32)).collect();
    assert!(!scales.is_empty() && scales == halves, "{scales:?}");
    assert_eq!(last, scales.last().map(|&scale| (scale, scales.len() as u64)));
}

#[test]
fn a_scale_that_gradients_bear_is_doubled() {
    let settings =
        ["precision.dtype=float16", "precision.loss_scale=1", "precision.growth_interval=6"];
    let scales: Vec<f64> =
        steps(&config("faces-32", &settings)).iter().filter_map(|step| step.loss_scale).collect();
    let expected: Vec<f64> = (0..20).map(|step| 2f64.powi(step / 6)).collect();
    assert_eq!(scales, expected);
}

/// Below a scale of 1 there is nothing to try: the run goes back to its snapshot, as in float32.
#[test]
fn a_scale_of_one_is_not_to_blame() {
    let settings = ["precision.dtype=float16", "precision.loss_scale=4", "run.rollback_after=2"];
    let root = tempfile::tempdir().unwrap();
    let mut training = small::prepare(&config("faces-32", &settings), root.path()).unwrap();
    let parameters = training.networks().generator_parameters.clone();
    let (mut spoiled, mut scales, mut skipped, mut rolled_back) = (false, Vec::new(), 0, None);
    let mut observer = |event: &Event| match event {
        Event::Step(progress) if progress.images >= 48 && !spoiled => {
            let var = parameters.get("synthesis.b8.conv1.weight").unwrap();
            var.set(&(var.as_tensor() * f64::NAN).unwrap()).unwrap();
            spoiled = true;
        }
        Event::LossScaled { scale, .. } => scales.push(*scale),
        Event::Skipped { .. } => skipped += 1,
        Event::RolledBack { from, to } => rolled_back = Some((*from, *to)),
        _ => {}
    };
    let finished = training.run(&mut observer, &AtomicBool::new(false)).unwrap();
    assert_eq!((scales, skipped, rolled_back), (vec![2.0, 1.0], 2, Some((80, 40))));
    assert_eq!(finished.images, 160);
}

#[test]
fn stopped_and_resumed_with_the_scale_of_its_losses() {
    let settings =
        ["precision.dtype=float16", "precision.loss_scale=16777216", "precision.growth_interval=3"];
    let config = config("faces-32-sg2", &settings);
    let root = tempfile::tempdir().unwrap();
    let (whole, parts) = (root.path().join("whole"), root.path().join("parts"));
    let until = |folder: &Path, stop_at: u64| -> Vec<Option<f64>> {
        let stop = AtomicBool::new(false);
        let mut scales = Vec::new();
        let mut observer = |event: &Event| {
            if let Event::Step(progress) = event {
                scales.push(progress.loss_scale);
                stop.store(progress.images >= stop_at, Ordering::Relaxed);
            }
        };
        small::prepare(&config, folder).unwrap().run(&mut observer, &stop).unwrap();
        scales
    };
    let scales = until(&whole, u64::MAX);
    assert!(scales.windows(2).any(|pair| pair[0] > pair[1]), "{scales:?}");
    assert!(scales.windows(2).any(|pair| pair[0] < pair[1]), "{scales:?}");
    let resumed = [56, 96, u64::MAX].map(|stop_at| until(&parts, stop_at)).concat();
    assert_eq!(resumed, scales);
    let (whole, parts) = (small::last_snapshot(&whole), small::last_snapshot(&parts));
    for (name, bytes) in &whole {
        assert!(parts[name] == *bytes, "{name} differs");
    }
}

/// Precision is no property of the weights.
#[test]
fn a_run_of_float32_goes_on_in_half_precision() {
    let root = tempfile::tempdir().unwrap();
    small::train(&config("faces-32", &[]), root.path());
    let more = ["run.total_kimg=0.2", "precision.dtype=bfloat16"];
    assert_eq!(small::train(&config("faces-32", &more), root.path()).images, 200);
    let last = RunDir::open(root.path()).unwrap().snapshots().recover().unwrap().snapshot.unwrap();
    let file = last.file("generator-ema.safetensors");
    let tensors = stylegan_checkpoint::load(&file).unwrap().tensors;
    assert!(tensors.values().all(|tensor| tensor.dtype() == DType::F32));
}
