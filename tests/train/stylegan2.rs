//! StyleGAN2 in the same loop: resume, architectures, labels, lazy regularisation.

use std::sync::atomic::{AtomicBool, Ordering};

use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::Event;

use crate::small;

/// 160 faces of 16x16 pixels, with R1 and path length several times.
fn config() -> TrainConfig {
    small::preset("faces-32-sg2")
}

/// The preset as it is: layers and losses for few images.
fn of_few_images() -> TrainConfig {
    let mut config = TrainConfig::preset("faces-32-sg2").unwrap();
    small::shrink(&mut config);
    config.set("schedule.part=4").unwrap();
    config
}

#[test]
fn stopped_and_resumed_at_other_numbers_of_threads() {
    resumes(&config());
    resumes(&of_few_images());
}

fn resumes(config: &TrainConfig) {
    let root = tempfile::tempdir().unwrap();
    let (whole, parts) = (root.path().join("whole"), root.path().join("parts"));
    small::with_threads(2, || small::train(config, &whole));
    // The second stop is right before a step of path length and R1.
    for (threads, stop_at) in [(1, 56), (3, 96), (2, u64::MAX)] {
        small::with_threads(threads, || {
            let stop = AtomicBool::new(false);
            let mut observer = |event: &Event| {
                if let Event::Step(progress) = event {
                    stop.store(progress.images >= stop_at, Ordering::Relaxed);
                }
            };
            small::prepare(config, &parts).unwrap().run(&mut observer, &stop).unwrap();
        });
    }
    let (whole, parts) = (small::last_snapshot(&whole), small::last_snapshot(&parts));
    assert_eq!(whole.len(), 5);
    for (name, bytes) in &whole {
        assert!(parts[name] == *bytes, "{name} differs");
    }
}

#[test]
fn architectures_labels_and_parts() {
    for settings in [
        vec!["generator.architecture=orig", "discriminator.architecture=orig"],
        vec!["generator.architecture=resnet", "discriminator.architecture=skip"],
        vec!["data.labels=true", "loss.r2_gamma=1", "schedule.part=4"],
        vec!["network.channels=1", "network.base=[4, 6]", "generator.use_noise=false"],
        vec!["loss.lazy=false", "loss.path_length_weight=0"],
    ] {
        let mut config = config();
        for setting in &settings {
            config.set(setting).unwrap();
        }
        let root = tempfile::tempdir().unwrap();
        let (mut losses, mut lengths) = (Vec::new(), Vec::new());
        let mut observer = |event: &Event| {
            if let Event::Step(progress) = event {
                losses.extend([progress.generator_loss, progress.discriminator_loss]);
                losses.push(progress.penalty);
                lengths.push(progress.path_length);
                assert_eq!(progress.skipped, 0);
            }
        };
        let finished = small::train_watched(&config, root.path(), &mut observer);
        assert_eq!(finished.images, 160);
        assert!(losses.iter().all(|loss| loss.is_finite()), "{settings:?}");
        // The running mean of path lengths moves with every step that has one.
        let regularized = config.loss.path_length_weight > 0.0;
        assert_eq!(lengths.iter().all(|&length| length > 0.0), regularized, "{settings:?}");
    }
}
