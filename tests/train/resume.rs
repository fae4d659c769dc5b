//! A run that was interrupted ends with the very weights of one that was not.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use stylegan_trainer::events::Event;

use crate::small;

#[test]
fn stopped_and_resumed_at_other_numbers_of_threads() {
    let root = tempfile::tempdir().unwrap();
    let (whole, parts) = (root.path().join("whole"), root.path().join("parts"));
    let config = small::config();
    small::with_threads(2, || small::train(&config, &whole));

    // Stopped in the middle of a fade, between two looks at the schedule, then in the last phase.
    for (threads, stop_at) in [(1, 56), (3, 120), (2, u64::MAX)] {
        small::with_threads(threads, || train_until(&config, &parts, stop_at));
    }
    let (whole, parts) = (small::last_snapshot(&whole), small::last_snapshot(&parts));
    assert_eq!(whole.len(), 5);
    for (name, bytes) in &whole {
        assert!(parts[name] == *bytes, "{name} differs");
    }
}

fn train_until(config: &stylegan_trainer::config::TrainConfig, folder: &Path, stop_at: u64) {
    let stop = AtomicBool::new(false);
    let mut observer = |event: &Event| {
        if let Event::Step(progress) = event {
            stop.store(progress.images >= stop_at, Ordering::Relaxed);
        }
    };
    let finished = small::prepare(config, folder).unwrap().run(&mut observer, &stop).unwrap();
    assert_eq!(finished.stopped, stop_at != u64::MAX);
}

#[test]
fn a_finished_run_goes_on_when_more_images_are_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    small::train(&config, root.path());
    config.set("run.total_kimg=0.2").unwrap();
    assert_eq!(small::train(&config, root.path()).images, 200);
}
