//! Runs that go wrong.

use std::fs;
use std::sync::atomic::AtomicBool;

use candle_core::Tensor;
use stylegan_trainer::events::Event;
use stylegan_trainer::{RunError, TrainError};

use crate::small;

#[test]
fn a_run_goes_back_to_its_snapshot_when_gradients_stay_not_finite() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    config.set("run.rollback_after=2").unwrap();
    let mut training = small::prepare(&config, root.path()).unwrap();
    let parameters = training.networks().generator_parameters.clone();
    let (mut spoiled, mut skipped, mut rolled_back) = (false, 0, None);
    let mut observer = |event: &Event| match event {
        // Once, after the first snapshot, a weight becomes undefined.
        Event::Step(progress) if progress.images >= 64 && !spoiled => {
            let var = parameters.get("synthesis.b8.conv1.weight").unwrap();
            let nan = Tensor::full(f32::NAN, var.shape(), var.device()).unwrap();
            var.set(&nan).unwrap();
            spoiled = true;
        }
        Event::Skipped { parameter, .. } => {
            assert!(!parameter.is_empty());
            skipped += 1;
        }
        Event::RolledBack { from, to } => rolled_back = Some((*from, *to)),
        _ => {}
    };
    let finished = training.run(&mut observer, &AtomicBool::new(false)).unwrap();
    assert_eq!((finished.images, finished.stopped), (160, false));
    assert_eq!((skipped, rolled_back), (2, Some((80, 40))));
    for (name, value) in parameters.tensors() {
        let sum = value.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(sum.is_finite(), "{name}");
    }
}

#[test]
fn a_run_that_cannot_recover_says_so() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    config.set("optimizer.learning_rate=1e30").unwrap();
    config.set("run.rollback_after=2").unwrap();
    let mut training = small::prepare(&config, root.path()).unwrap();
    let result = training.run(&mut |_: &Event| {}, &AtomicBool::new(false));
    assert!(matches!(result, Err(TrainError::Diverged { .. })), "{result:?}");
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_named() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    // Numbers of snapshots are thousands of images: two runs of them.
    config.set("schedule.tick_kimg=1").unwrap();
    config.set("run.total_kimg=1").unwrap();
    small::train(&config, root.path());
    config.set("run.total_kimg=2").unwrap();
    small::train(&config, root.path());
    let damaged = root.path().join("snapshots/000002/discriminator.safetensors");
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();

    let mut training = small::prepare(&config, root.path()).unwrap();
    assert_eq!(training.images(), 1000);
    let mut warnings = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::Warning(warning) = event {
            warnings.push(warning.clone());
        }
    };
    training.run(&mut observer, &AtomicBool::new(true)).unwrap();
    assert!(warnings.iter().any(|w| w.contains("discriminator.safetensors")), "{warnings:?}");
}

#[test]
fn another_configuration_or_other_images_are_refused() {
    let root = tempfile::tempdir().unwrap();
    small::train(&small::config(), root.path());
    let mut wider = small::config();
    wider.set("network.fmap_max=16").unwrap();
    let error = small::prepare(&wider, root.path()).err().unwrap();
    assert!(matches!(error, TrainError::Run(RunError::OtherNetworks { .. })), "{error}");
    let mut others = small::config();
    others.set("data.source=faces:41").unwrap();
    let error = small::prepare(&others, root.path()).err().unwrap();
    assert!(matches!(error, TrainError::Run(RunError::OtherImages { .. })), "{error}");
}
