//! Metrics during training: on their schedule, resumed, the best kept, and without a trace in what is learnt.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use stylegan_metrics::{MetricError, MetricResult, Watch};
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::evaluation::Subject;
use stylegan_trainer::events::Event;
use stylegan_trainer::{Scheduled, SnapshotMetric};

use crate::small::{config, last_snapshot, prepare, train};

/// Falls, then rises: the second measurement is the best.
struct Valley(f64);

impl SnapshotMetric for Valley {
    fn name(&self) -> &str {
        "valley"
    }

    fn measure(
        &mut self,
        subject: &Subject<'_>,
        _: &dyn Watch,
    ) -> Result<MetricResult, MetricError> {
        self.0 += 1.0;
        assert!(subject.generator.num_layers() > 0);
        if self.0 == 4.0 {
            return Err(MetricError::Settings("the fourth fails".to_owned()));
        }
        Ok(MetricResult::new("valley", "a test", (self.0 - 2.0).abs(), 1, 0))
    }
}

/// 5 ticks of 1000 images, so that snapshots have numbers of their own.
fn long() -> TrainConfig {
    let mut config = config();
    for setting in [
        "network.resolution=8",
        "network.fmap_max=4",
        "schedule.tick_kimg=1",
        "schedule.minibatch=40",
        "run.total_kimg=5",
        "run.snapshot_ticks=100",
        "run.keep_snapshots=1",
    ] {
        config.set(setting).unwrap();
    }
    config
}

fn measured(config: &TrainConfig, folder: &Path, events: &mut Vec<Event>) {
    let mut training = prepare(config, folder).unwrap();
    let metric = Box::new(Valley(0.0));
    training.measure(vec![Scheduled { metric, every_kimg: 1.0 }]).unwrap();
    training.run(&mut |event: &Event| events.push(event.clone()), &AtomicBool::new(false)).unwrap();
}

fn values(folder: &Path) -> Vec<(u64, f64)> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["metric"], &line["protocol"]), (&"valley".into(), &"a test".into()));
        (line["images"].as_u64().unwrap(), line["value"].as_f64().unwrap())
    };
    text.lines().map(line).collect()
}

#[test]
fn snapshots_are_measured_and_the_best_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = Vec::new();
    measured(&long(), folder.path(), &mut events);
    // One of the five fails: the run goes on, and says so.
    assert_eq!(values(folder.path()), [(1000, 1.0), (2000, 0.0), (3000, 1.0), (5000, 3.0)]);
    let warned = |event: &Event| matches!(event, Event::Warning(text) if text.contains("valley was not measured: the fourth fails"));
    assert!(events.iter().any(warned), "{events:?}");
    let best = |event: &&Event| matches!(event, Event::Measured(found) if found.is_best);
    assert_eq!(events.iter().filter(best).count(), 2);
    // The best beside the newest.
    let mut kept: Vec<String> = std::fs::read_dir(folder.path().join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    kept.sort();
    assert_eq!(kept, ["000002", "000005"]);
    let best = std::fs::read_to_string(folder.path().join("best.json")).unwrap();
    let best: serde_json::Value = serde_json::from_str(&best).unwrap();
    assert_eq!(best["valley"]["snapshot"], 2);
    assert!(folder.path().join("metrics.png").is_file());

    // What is learnt does not depend on it.
    let other = tempfile::tempdir().unwrap();
    train(&long(), other.path());
    assert_eq!(last_snapshot(folder.path()), last_snapshot(other.path()));
}

#[test]
fn a_resumed_run_goes_on_with_its_measurements() {
    let folder = tempfile::tempdir().unwrap();
    let mut short = long();
    short.run.total_kimg = 2.0;
    measured(&short, folder.path(), &mut Vec::new());
    assert_eq!(values(folder.path()).len(), 2);
    // The metric is new, so it falls again: its first value is no better than the best before.
    measured(&TrainConfig { run: long().run, ..short }, folder.path(), &mut Vec::new());
    assert_eq!(
        values(folder.path()),
        [(1000, 1.0), (2000, 0.0), (3000, 1.0), (4000, 0.0), (5000, 1.0)]
    );
    let best = std::fs::read_to_string(folder.path().join("best.json")).unwrap();
    let best: serde_json::Value = serde_json::from_str(&best).unwrap();
    assert_eq!(best["valley"]["snapshot"], 2, "the first of equals");
}
