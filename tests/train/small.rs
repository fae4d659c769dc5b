//! A run that is over in seconds and still grows, fades, mixes and takes snapshots.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use candle_core::Device;
use stylegan_dataset::OpenOptions;
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::{Event, Finished, Observer};
use stylegan_trainer::run_dir::RunDir;
use stylegan_trainer::{TrainError, Training};

/// 160 faces of 16x16 pixels through all phases of growing.
pub fn config() -> TrainConfig {
    preset("faces-32")
}

/// What makes the preset of StyleGAN2 the official one: its layers and losses, with R1 and path length several times in 160 images.
const OFFICIAL: [&str; 9] = [
    "generator.upscale=in_convolution",
    "generator.use_noise=false",
    "discriminator.downscale=in_convolution",
    "discriminator.label_head=switch",
    "loss.generator=non_saturating",
    "loss.discriminator=logistic",
    "loss.r2_gamma=0",
    "loss.penalty_interval=4",
    "loss.path_length_weight=2",
];

/// A preset, cut down; StyleGAN2 the official one.
pub fn preset(name: &str) -> TrainConfig {
    let mut config = TrainConfig::preset(name).unwrap();
    if config.network.is_stylegan2() {
        for setting in OFFICIAL {
            config.set(setting).unwrap();
        }
    }
    shrink(&mut config);
    config
}

/// Cuts a configuration down to 16x16 pixels, a few feature maps and 160 images.
pub fn shrink(config: &mut TrainConfig) {
    for setting in [
        "data.source=faces:40",
        "network.resolution=16",
        "network.fmap_base=64",
        "network.fmap_max=8",
        "generator.z_dim=12",
        "generator.w_dim=12",
        "generator.mapping_dim=12",
        "schedule.initial_resolution=8",
        "schedule.training_kimg=0.04",
        "schedule.transition_kimg=0.04",
        "schedule.minibatch=8",
        "schedule.minibatch_at={}",
        "schedule.part=0",
        "schedule.part_at={}",
        "schedule.tick_kimg=0.04",
        "schedule.tick_kimg_at={}",
        "run.total_kimg=0.16",
        "run.snapshot_ticks=1",
        "run.grid=[2, 2]",
    ] {
        config.set(setting).unwrap();
    }
}

/// Prepares a run of `config` in a folder: a new one, or the one that is there.
pub fn prepare(config: &TrainConfig, folder: &Path) -> Result<Training, TrainError> {
    let (resolution, channels) = (config.image_size(), config.network.channels);
    let options = OpenOptions { resolution, channels, ..OpenOptions::default() };
    let dataset = stylegan_dataset::open(&config.data.source, &options, &|_| {}).unwrap();
    Training::new(config.clone(), dataset.into(), RunDir::at(folder).unwrap(), &Device::Cpu)
}

/// Trains to the end.
pub fn train(config: &TrainConfig, folder: &Path) -> Finished {
    train_watched(config, folder, &mut |_: &Event| {})
}

/// Trains to the end, watched.
pub fn train_watched(config: &TrainConfig, folder: &Path, observer: &mut dyn Observer) -> Finished {
    prepare(config, folder).unwrap().run(observer, &AtomicBool::new(false)).unwrap()
}

/// The bytes of every file of a run's last snapshot but its clock.
pub fn last_snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let snapshots = RunDir::open(folder).unwrap().snapshots();
    let last = snapshots.recover().unwrap().snapshot.unwrap();
    let files = std::fs::read_dir(&last.path).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

/// Runs `work` with so many threads.
pub fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
