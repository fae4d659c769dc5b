//! Several ranks, as threads, against one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Device, Tensor};
use stylegan_dataset::{Dataset, DatasetError, OpenOptions, Sample};
use stylegan_distributed::{Group, ThreadTransport};
use stylegan_features::FeatureError;
use stylegan_metrics::ppl::{PplSettings, Protocol, Sampling, Space};
use stylegan_metrics::{Extractor, NetworkId};
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::evaluation::{FeatureDistance, FidMetric, PplMetric};
use stylegan_trainer::events::{Event, Finished};
use stylegan_trainer::run_dir::RunDir;
use stylegan_trainer::{Scheduled, SnapshotMetric, TrainError, Training};

use crate::small;

/// Steps of each kind that regularisation and augmentation have.
const STYLEGAN2: [&str; 6] = [
    "loss.penalty_interval=3",
    "loss.path_length_interval=2",
    "augment.mode=ada",
    "augment.interval=2",
    "augment.speed_kimg=0.5",
    "schedule.part=4",
];

fn images(config: &TrainConfig) -> Arc<dyn Dataset> {
    let (resolution, channels) = (config.image_size(), config.network.channels);
    let options = OpenOptions { resolution, channels, ..OpenOptions::default() };
    stylegan_dataset::open(&config.data.source, &options, &|_| {}).unwrap().into()
}

/// What each of `size` ranks makes of `work`, which is given the run of its rank in `folder`.
fn each<T: Send>(size: usize, folder: &Path, work: impl Fn(Group, RunDir) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let ranks = ThreadTransport::of(size).into_iter().map(|transport| {
            scope.spawn(move || {
                let group = Group::over(transport);
                let run = match group.is_first() {
                    true => RunDir::at(folder).unwrap(),
                    false => RunDir::followed(folder),
                };
                work(group, run)
            })
        });
        let ranks: Vec<_> = ranks.collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// Trains on `size` ranks.
fn train(size: usize, config: &TrainConfig, folder: &Path) -> Vec<Result<Finished, TrainError>> {
    train_until(size, config, folder, u64::MAX)
}

/// As [`train`]; from so many images on, the first rank is asked to stop.
fn train_until(
    size: usize,
    config: &TrainConfig,
    folder: &Path,
    stop_at: u64,
) -> Vec<Result<Finished, TrainError>> {
    let data = images(config);
    each(size, folder, |group, run| {
        let mut training = Training::among(group, config.clone(), data.clone(), run, &Device::Cpu)?;
        let stop = AtomicBool::new(false);
        let mut observer = |event: &Event| {
            if let Event::Step(progress) = event {
                stop.store(progress.images >= stop_at, Ordering::Relaxed);
            }
        };
        training.run(&mut observer, &stop)
    })
}

/// Asserts that two runs ended with the same bits.
#[track_caller]
fn same(one: &Path, other: &Path) {
    let (one, other) = (small::last_snapshot(one), small::last_snapshot(other));
    assert_eq!(one.len(), 5);
    for (name, bytes) in &one {
        assert!(other[name] == *bytes, "{name} differs");
    }
}

#[test]
fn two_ranks_and_other_numbers_of_them_end_with_the_bits_of_one() {
    let root = tempfile::tempdir().unwrap();
    let (alone, two) = (root.path().join("alone"), root.path().join("two"));
    let mut config = small::config();
    config.set("schedule.part=4").unwrap();
    small::train(&config, &alone);
    for (ranks, stop_at) in [(2, 56), (1, 112), (2, u64::MAX)] {
        for finished in train_until(ranks, &config, &two, stop_at) {
            assert_eq!(finished.unwrap().stopped, stop_at != u64::MAX);
        }
    }
    same(&alone, &two);
}

#[test]
fn regularisation_and_augmentation_are_shared_too() {
    let root = tempfile::tempdir().unwrap();
    let (alone, two) = (root.path().join("alone"), root.path().join("two"));
    let mut config = small::preset("faces-32-sg2");
    for setting in STYLEGAN2 {
        config.set(setting).unwrap();
    }
    small::train(&config, &alone);
    train(2, &config, &two).into_iter().for_each(|finished| drop(finished.unwrap()));
    same(&alone, &two);
}

#[test]
fn one_rank_that_is_asked_stops_all_after_the_same_step() {
    let root = tempfile::tempdir().unwrap();
    let config = small::config();
    let data = images(&config);
    let ends = each(2, root.path(), |group, run| {
        // The one that writes nothing is asked.
        let stop = AtomicBool::new(!group.is_first());
        let mut training =
            Training::among(group, config.clone(), data.clone(), run, &Device::Cpu).unwrap();
        let finished = training.run(&mut |_: &Event| {}, &stop).unwrap();
        (finished.images, finished.stopped)
    });
    assert_eq!(ends, [(8, true), (8, true)]);
}

#[test]
fn the_first_rank_alone_tells_and_writes() {
    let root = tempfile::tempdir().unwrap();
    let config = small::config();
    let data = images(&config);
    let told = each(2, root.path(), |group, run| {
        let told = AtomicBool::new(false);
        let mut observer = |_: &Event| told.store(true, Ordering::Relaxed);
        let mut training =
            Training::among(group, config.clone(), data.clone(), run, &Device::Cpu).unwrap();
        training.run(&mut observer, &AtomicBool::new(false)).unwrap();
        told.into_inner()
    });
    assert_eq!(told, [true, false]);
    let log = std::fs::read_to_string(root.path().join("log.txt")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("snapshot")).count(), 4, "{log}");
}

#[test]
fn batches_that_cannot_be_shared_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    for end in train(3, &config, &root.path().join("three")) {
        let said = end.unwrap_err().to_string();
        assert!(said.contains("`schedule.minibatch` gives 8 images a batch"), "{said}");
        assert!(said.contains("3 ranks cannot share"), "{said}");
    }
    config.set("discriminator.mbstd_group_size=4").unwrap();
    config.set("schedule.minibatch=12").unwrap();
    for end in train(2, &config, &root.path().join("groups")) {
        let said = end.unwrap_err().to_string();
        assert!(said.contains("each of 2 ranks 6 images at a time"), "{said}");
    }
}

#[test]
fn ranks_that_do_not_begin_alike_say_so() {
    let root = tempfile::tempdir().unwrap();
    let config = small::config();
    let data = images(&config);
    let said = each(2, root.path(), |group, run| {
        let mut config = config.clone();
        config.run.seed += group.rank() as u64;
        let mut training = Training::among(group, config, data.clone(), run, &Device::Cpu).unwrap();
        training.run(&mut |_: &Event| {}, &AtomicBool::new(false)).unwrap_err().to_string()
    });
    assert_eq!(said, vec!["rank 1 has other weights of the generator than the first rank"; 2]);
}

/// Images one of which cannot be read.
struct Torn(Arc<dyn Dataset>);

impl Dataset for Torn {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn resolution(&self) -> (usize, usize) {
        self.0.resolution()
    }
    fn channels(&self) -> usize {
        self.0.channels()
    }
    fn label_dim(&self) -> usize {
        self.0.label_dim()
    }
    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        if index == 20 {
            let (name, reason) = ("20.png".to_owned(), "torn".to_owned());
            return Err(DatasetError::BadImage { name, reason });
        }
        self.0.get(index)
    }
    fn mirror_label(&self, label: &mut [f32]) {
        self.0.mirror_label(label);
    }
    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }
    fn describe(&self) -> String {
        self.0.describe()
    }
}

#[test]
fn an_error_of_one_rank_is_the_end_of_all() {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    // Labels are looked at before training.
    config.set("data.labels=false").unwrap();
    let data: Arc<dyn Dataset> = Arc::new(Torn(images(&config)));
    let mut said = each(2, root.path(), |group, run| {
        let mut training =
            Training::among(group, config.clone(), data.clone(), run, &Device::Cpu).unwrap();
        let error = training.run(&mut |_: &Event| {}, &AtomicBool::new(false)).unwrap_err();
        drop(training);
        let mut said = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            said.push_str(&format!(": {error}"));
            cause = error.source();
        }
        said
    });
    // Whichever of them comes to the torn image.
    said.sort_by_key(|said| !said.contains("20.png"));
    assert!(said[0].contains("20.png"), "{said:?}");
    assert!(said[1].contains("a rank is gone"), "{said:?}");
}

/// Means of blocks of pixels as features.
struct Blocks;

impl Extractor for Blocks {
    fn id(&self) -> NetworkId {
        NetworkId { name: "blocks".to_owned(), checksum: String::new(), random: Some(1) }
    }
    fn dims(&self) -> usize {
        3 * 4
    }
    fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        Ok(images.avg_pool2d(8)?.flatten_from(1)?)
    }
}

/// The figures of a metric at the end of a small run on one, two and three ranks.
fn on_ranks(metric: impl Fn(Arc<dyn Dataset>) -> Box<dyn SnapshotMetric> + Sync) -> [f64; 3] {
    let root = tempfile::tempdir().unwrap();
    let mut config = small::config();
    config.set("schedule.part=4").unwrap();
    config.set("run.total_kimg=0.04").unwrap();
    let data = images(&config);
    [1, 2, 3].map(|ranks| {
        let folder = root.path().join(ranks.to_string());
        let mut config = config.clone();
        if ranks == 3 {
            config.set("schedule.minibatch=12").unwrap();
            config.set("run.total_kimg=0.012").unwrap();
        }
        each(ranks, &folder, |group, run| {
            let scheduled = Scheduled { metric: metric(data.clone()), every_kimg: 1.0 };
            let mut training =
                Training::among(group, config.clone(), data.clone(), run, &Device::Cpu).unwrap();
            training.measure(vec![scheduled]).unwrap();
            training.run(&mut |_: &Event| {}, &AtomicBool::new(false)).unwrap();
        });
        let lines = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 1, "{lines}");
        let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
        line["value"].as_f64().unwrap()
    })
}

#[test]
fn ranks_share_the_images_of_a_distance() {
    let found = on_ranks(|data| {
        Box::new(FidMetric {
            distance: FeatureDistance::Frechet,
            network: Box::new(Blocks),
            data,
            mirror: false,
            samples: 40,
            seed: 1,
            cache: None,
            real: None,
            device: Device::Cpu,
        })
    });
    assert_eq!(found[0], found[1]);
    assert!(found[2].is_finite() && found[2] > 0.0, "{found:?}");
}

#[test]
fn ranks_share_the_pairs_of_path_lengths() {
    let found = on_ranks(|_| {
        let own = PplSettings::new(Protocol::Stylegan1, Space::W, Sampling::Full);
        Box::new(PplMetric {
            name: "ppl_w".to_owned(),
            // Two minibatches, of which the last is shorter: of three ranks, one has none.
            settings: PplSettings { pairs: 24, crop: false, epsilon: 0.1, ..own },
            distance: Box::new(|a, b| Ok((a - b)?.sqr()?.flatten_from(1)?.mean(1)?)),
            network: Blocks.id(),
            device: Device::Cpu,
        })
    });
    assert_eq!(found[0], found[1]);
    assert!(found[2].is_finite() && found[2] > 0.0, "{found:?}");
}
