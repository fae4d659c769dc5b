//! Encoders: resume, decoders of either generation, frozen and trained, every task, what is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{DType, Device, Tensor};
use stylegan::{Generator, GeneratorConfig, Parameters, save_generator};
use stylegan_dataset::OpenOptions;
use stylegan_psp::{EncoderKind, Task};
use stylegan_trainer::psp::{
    ClassMaps, Judge, PspConfig, PspData, PspEvent, PspModel, PspTrainError, PspTraining,
};
use stylegan_trainer::run_dir::RunDir;

use crate::small;

/// Writes an untrained generator of 32x32.
fn decoder(folder: &Path, mut config: GeneratorConfig) -> PathBuf {
    config.mapping.z_dim = 16;
    config.mapping.w_dim = 16;
    config.mapping.hidden_dim = 16;
    config.synthesis.w_dim = 16;
    config.synthesis.resolution = 32;
    config.synthesis.fmap_base = 64;
    config.synthesis.fmap_max = 8;
    let parameters = Parameters::new(1, DType::F32, &Device::Cpu);
    Generator::new(&config, parameters.builder()).unwrap();
    let path = folder.join("decoder.safetensors");
    save_generator(&path, &config, &parameters, &BTreeMap::new()).unwrap();
    path
}

/// A run of seconds.
fn config(task: Task, decoder: &Path) -> PspConfig {
    let mut config = PspConfig::for_decoder(task, (8, 16), (32, 3), 0);
    config.networks.decoder = decoder.to_string_lossy().into_owned();
    config.encoder.backbone.base_width = 16;
    config.data = "faces:40".into();
    (config.batch, config.steps, config.held_out) = (2, 6, 4);
    (config.report_steps, config.picture_steps, config.snapshot_steps) = (2, 3, 4);
    config.teach_steps = 1;
    config.loss.identity = 0.0;
    config
}

fn prepare(config: &PspConfig, folder: &Path) -> Result<PspTraining, PspTrainError> {
    let images = stylegan_dataset::open(&config.data, &OpenOptions::default(), &|_| {}).unwrap();
    let maps = (!config.maps.is_empty())
        .then(|| ClassMaps::open(&config.maps, &config.data, 32, config.classes))
        .transpose()?;
    let data = PspData { images: images.into(), maps };
    let judge = Judge::random_features(3, 0, &Device::Cpu)?;
    PspTraining::new(config.clone(), data, Some(judge), RunDir::at(folder).unwrap(), &Device::Cpu)
}

fn train(config: &PspConfig, folder: &Path) -> PspTraining {
    let mut training = prepare(config, folder).unwrap();
    training.run(&mut |_: &PspEvent| {}, &AtomicBool::new(false)).unwrap();
    training
}

fn train_until(config: &PspConfig, folder: &Path, last: u64) {
    let stop = AtomicBool::new(false);
    let mut observer = |event: &PspEvent| {
        if let PspEvent::Step(progress) = event {
            stop.store(progress.step >= last, Ordering::Relaxed);
        }
    };
    prepare(config, folder).unwrap().run(&mut observer, &stop).unwrap();
}

#[test]
fn stopped_and_resumed_ends_with_the_very_weights() {
    let root = tempfile::tempdir().unwrap();
    let path = decoder(root.path(), GeneratorConfig::config_f());
    for (name, change) in [("ranger", ""), ("adam", "optimizer=adam")] {
        let mut config = config(Task::Inpainting, &path);
        config.train_decoder = true;
        config.loss.identity = 0.1;
        if !change.is_empty() {
            config.set(change).unwrap();
            (config.loss.identity, config.loss.moco) = (0.0, 0.5);
        }
        let (whole, parts) = (root.path().join(name), root.path().join(format!("{name}-parts")));
        small::with_threads(2, || drop(train(&config, &whole)));
        for (threads, last) in [(1, 2), (3, 5), (2, u64::MAX)] {
            small::with_threads(threads, || train_until(&config, &parts, last));
        }
        let (whole, parts) = (small::last_snapshot(&whole), small::last_snapshot(&parts));
        assert_eq!(whole.len(), 2);
        for (file, bytes) in &whole {
            assert!(parts[file] == *bytes, "{name}: {file} differs");
        }
    }
}

#[test]
fn a_frozen_decoder_stays_and_a_trained_one_does_not() {
    let root = tempfile::tempdir().unwrap();
    let path = decoder(root.path(), GeneratorConfig::stylegan2_f());
    let before = stylegan_checkpoint::load(&path).unwrap().tensors;
    for trained in [false, true] {
        let mut config = config(Task::Inversion, &path);
        config.train_decoder = trained;
        let training = train(&config, &root.path().join(trained.to_string()));
        let after = training.decoder_parameters().tensors();
        let same = |name: &String, tensor: &Tensor| {
            let bits = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            bits(&after[name]) == bits(tensor)
        };
        let changed = before.iter().filter(|(name, tensor)| !same(name, tensor)).count();
        assert_eq!(changed > 0, trained, "{changed} tensors changed");
    }
}

#[test]
fn a_decoder_that_is_told_labels_is_encoded_for() {
    let root = tempfile::tempdir().unwrap();
    let mut told = GeneratorConfig::config_f();
    told.mapping.label_dim = 3;
    let path = decoder(root.path(), told);
    let run = root.path().join("run");
    train(&config(Task::Inversion, &path), &run);
    let snapshot = RunDir::open(&run).unwrap().snapshots().recover().unwrap().snapshot.unwrap();
    let model = PspModel::open(&snapshot.file("psp.safetensors"), None, &Device::Cpu).unwrap();
    let labels = model.decoder().labels_of_seeds(&[1, 2]).unwrap().unwrap();
    assert_eq!(labels.dims(), [2, 3]);
}

#[test]
fn every_task_trains_and_leaves_a_model_that_encodes() {
    let root = tempfile::tempdir().unwrap();
    let path = decoder(root.path(), GeneratorConfig::config_f());
    let maps = root.path().join("maps");
    for (folder, channels) in [(root.path().join("images"), 3), (maps.clone(), 1)] {
        std::fs::create_dir(&folder).unwrap();
        for i in 0..12u8 {
            let file = folder.join(format!("{i:02}.png"));
            if channels == 3 {
                image::RgbImage::from_pixel(32, 32, image::Rgb([i * 20, 90, 10])).save(file)
            } else {
                image::GrayImage::from_pixel(32, 32, image::Luma([i % 3])).save(file)
            }
            .unwrap();
        }
    }
    for task in Task::ALL {
        let mut config = config(task, &path);
        config.steps = 2;
        config.loss.identity = 0.0;
        if task == Task::Segmentation {
            config.data = root.path().join("images").to_string_lossy().into_owned();
            config.maps = maps.to_string_lossy().into_owned();
            config.classes = 3;
        }
        config.encoder.input_channels = task.input_channels(3, config.classes);
        let run = root.path().join(task.name());
        train(&config, &run);
        assert!(run.join("strip-000002.png").is_file(), "{task}");
        let snapshot = RunDir::open(&run).unwrap().snapshots().recover().unwrap().snapshot.unwrap();
        let model = PspModel::open(&snapshot.file("psp.safetensors"), None, &Device::Cpu).unwrap();
        assert_eq!(model.task(), task);
        let channels = config.encoder.input_channels;
        let x = Tensor::zeros((3, channels, 40, 40), DType::F32, &Device::Cpu).unwrap();
        let codes = model.encode(&x).unwrap();
        assert_eq!(codes.dims(), [3, 8, 16]);
        assert_eq!(model.decode(&codes).unwrap().dims(), [3, 3, 32, 32]);
    }
}

#[test]
fn losses_fall_and_the_baselines_train() {
    let root = tempfile::tempdir().unwrap();
    let path = decoder(root.path(), GeneratorConfig::config_f());
    for kind in [EncoderKind::GradualStyle, EncoderKind::IntoW, EncoderKind::IntoWPlus] {
        let mut config = config(Task::Inversion, &path);
        config.encoder.kind = kind;
        (config.steps, config.train_decoder, config.loss.lpips) = (30, true, 0.0);
        let mut losses = Vec::new();
        let mut observer = |event: &PspEvent| {
            if let PspEvent::Step(progress) = event {
                losses.push(progress.loss);
            }
        };
        let mut training = prepare(&config, &root.path().join(format!("{kind:?}"))).unwrap();
        training.run(&mut observer, &AtomicBool::new(false)).unwrap();
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&losses[..6]), mean(&losses[24..]));
        assert!(last < first, "{kind:?}: {first} {last}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = decoder(root.path(), GeneratorConfig::config_f());
    let refused = |change: &str| {
        let mut config = config(Task::Inversion, &path);
        config.set(change).unwrap();
        prepare(&config, &root.path().join("refused")).err().unwrap().to_string()
    };
    assert!(refused("encoder.styles=10").contains("10 styles of 16"));
    assert!(refused("loss.l2=-1").contains("l2"));
    assert!(refused("data=faces:40@16").contains("16x16"));
    let run = root.path().join("run");
    let base = config(Task::Inversion, &path);
    train(&base, &run);
    let mut other = base.clone();
    other.data = "faces:41".into();
    assert!(prepare(&other, &run).err().unwrap().to_string().contains("other images"));
    let mut other = base;
    other.encoder.backbone.base_width = 32;
    assert!(prepare(&other, &run).err().unwrap().to_string().contains("does not fit"));
    // A generator is no encoder.
    let error = PspModel::open(&path, None, &Device::Cpu).err().unwrap().to_string();
    assert!(error.contains("holds no encoder"), "{error}");
}
