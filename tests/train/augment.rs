//! Augmentation in the loop: resume, no augmentation at probability 0, every mode in both generations; a frozen discriminator.

use std::sync::atomic::{AtomicBool, Ordering};

use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::Event;

use crate::small;

/// 160 faces of 16x16 pixels with these settings.
fn config(preset: &str, settings: &[&str]) -> TrainConfig {
    let mut config = small::preset(preset);
    for setting in settings {
        config.set(setting).unwrap();
    }
    config
}

/// A probability that rises and falls within a few steps, and is changed at other moments than snapshots are taken.
const ADAPTIVE: [&str; 5] = [
    "augment.mode=ada",
    "augment.p=0.4",
    "augment.target=0",
    "augment.interval=3",
    "augment.speed_kimg=0.2",
];

#[test]
fn an_adaptive_run_resumes_bit_for_bit() {
    for preset in ["faces-32", "faces-32-sg2"] {
        let config = config(preset, &ADAPTIVE);
        let root = tempfile::tempdir().unwrap();
        let (whole, parts) = (root.path().join("whole"), root.path().join("parts"));
        let mut probabilities = Vec::new();
        let mut observer = |event: &Event| {
            if let Event::Step(progress) = event {
                probabilities.push(progress.augment_p);
                assert!((-1.0..=1.0).contains(&progress.r_t));
            }
        };
        small::with_threads(2, || small::train_watched(&config, &whole, &mut observer));
        probabilities.dedup();
        assert!(probabilities.len() > 3, "{preset}: p does not move: {probabilities:?}");
        for (threads, stop_at) in [(1, 56), (3, 104), (2, u64::MAX)] {
            small::with_threads(threads, || {
                let stop = AtomicBool::new(false);
                let mut observer = |event: &Event| {
                    if let Event::Step(progress) = event {
                        stop.store(progress.images >= stop_at, Ordering::Relaxed);
                    }
                };
                small::prepare(&config, &parts).unwrap().run(&mut observer, &stop).unwrap();
            });
        }
        let stats = std::fs::read_to_string(whole.join("stats.jsonl")).unwrap();
        assert!(stats.contains("\"augment_p\":") && stats.contains("\"r_t\":"), "{stats}");
        let (whole, parts) = (small::last_snapshot(&whole), small::last_snapshot(&parts));
        for (name, bytes) in &whole {
            assert!(parts[name] == *bytes, "{preset}: {name} differs");
        }
    }
}

#[test]
fn probability_zero_is_no_augmentation() {
    let weights = |settings: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        small::train(&config("faces-32-sg2", settings), folder.path());
        small::last_snapshot(folder.path())
    };
    let none = weights(&[]);
    let zero = weights(&["augment.mode=fixed", "augment.p=0"]);
    assert!(none.iter().all(|(name, bytes)| zero[name] == *bytes));
    let some = weights(&["augment.mode=fixed", "augment.p=0.5"]);
    assert!(none.iter().any(|(name, bytes)| some[name] != *bytes));
}

#[test]
fn every_mode_trains_both_generations() {
    for settings in [
        ["augment.mode=diffaugment", "loss.r2_gamma=1"],
        ["augment.mode=fixed", "network.channels=1"],
        ["augment.mode=ada", "network.base=[4, 6]"],
    ] {
        for preset in ["faces-32", "faces-32-sg2"] {
            let mut config = config(preset, &settings);
            config.set("augment.p=0.7").unwrap();
            let mut observer = |event: &Event| {
                if let Event::Step(progress) = event {
                    assert_eq!(progress.skipped, 0, "{settings:?}");
                    assert!(progress.discriminator_loss.is_finite(), "{settings:?}");
                }
            };
            let folder = tempfile::tempdir().unwrap();
            small::train_watched(&config, folder.path(), &mut observer);
        }
    }
}

#[test]
fn frozen_blocks_of_the_discriminator_do_not_learn() {
    for preset in ["faces-32", "faces-32-sg2"] {
        let config = config(preset, &["discriminator.freeze_blocks=1"]);
        let folder = tempfile::tempdir().unwrap();
        let mut training = small::prepare(&config, folder.path()).unwrap();
        let parameters = &training.networks().discriminator_parameters;
        let values = |parameters: &stylegan::Parameters| {
            let all = parameters.trainable().into_iter();
            let flat =
                all.map(|(name, var)| (name, var.flatten_all().unwrap().to_vec1::<f32>().unwrap()));
            flat.collect::<Vec<_>>()
        };
        let before = values(parameters);
        training.run(&mut |_: &Event| {}, &AtomicBool::new(false)).unwrap();
        let after = values(&training.networks().discriminator_parameters);
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            // Growth begins at 8x8, where nothing reads images of 4x4.
            if name.starts_with("b4.from_rgb") {
                continue;
            }
            let same = before == after;
            assert_eq!(same, name.starts_with("b16."), "{preset}: {name}");
        }
    }
    let mut config = config("faces-32", &[]);
    config.discriminator.freeze_blocks = 3;
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("of 3 blocks, at least one must learn"), "{error}");
}
