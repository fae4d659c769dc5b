//! Training on the bundled faces, files, and what is refused.

use std::sync::atomic::AtomicBool;

use candle_core::{Device, Tensor};
use stylegan_dataset::{Faces, FacesConfig};

use super::*;

fn faces(count: usize) -> Faces {
    Faces::new(FacesConfig { count, resolution: (8, 8), ..FacesConfig::default() }).unwrap()
}

fn config(kimg: f64) -> ClassifierConfig {
    ClassifierConfig { kimg, batch: 8, fmap_base: 32, fmap_max: 8, ..ClassifierConfig::default() }
}

#[test]
fn a_stopped_training_continues_and_files_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(60);
    let stopped = train(
        &data,
        &config(0.016),
        folder.path(),
        &Device::Cpu,
        &AtomicBool::new(true),
        &|_, _| {},
    )
    .unwrap();
    assert!(stopped.iter().all(|one| matches!(one, Trained::Stopped { .. })));
    assert!(matches!(
        ClassifierSet::open(folder.path(), &Device::Cpu),
        Err(ClassifierError::None { .. })
    ));

    let go = AtomicBool::new(false);
    let first = train(&data, &config(0.016), folder.path(), &Device::Cpu, &go, &|_, _| {}).unwrap();
    assert!(first.iter().all(|one| matches!(one, Trained::Done(_))));
    let removed = Classifier::file(folder.path(), "hat");
    let bytes = std::fs::read(&removed).unwrap();
    std::fs::remove_file(&removed).unwrap();
    let again = train(&data, &config(0.016), folder.path(), &Device::Cpu, &go, &|_, _| {}).unwrap();
    let done: Vec<_> = again.iter().filter(|one| matches!(one, Trained::Done(_))).collect();
    assert_eq!(done.len(), 1);
    assert_eq!(std::fs::read(&removed).unwrap(), bytes, "the same file from the same seed");

    let set = ClassifierSet::open(folder.path(), &Device::Cpu).unwrap();
    assert_eq!((set.len(), set.resolution()), (18, 8));
    let names: Vec<&str> = set.iter().map(|one| one.about.attribute.as_str()).collect();
    assert_eq!(names[..2], ["glasses", "sunglasses"], "in the order of the label");
    // What is said of an image does not depend on those beside it, and larger ones are reduced.
    let images =
        stylegan_ops::random::Stream::new(1, 0, 0).normal((4, 3, 8, 8), &Device::Cpu).unwrap();
    let all = set.scores(&images).unwrap();
    let last = set.scores(&images.narrow(0, 3, 1).unwrap()).unwrap();
    for (a, b) in all[3 * 18..].iter().zip(&last) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
    }
    let large = stylegan_ops::upsample_nearest2d(&images).unwrap();
    for (a, b) in set.scores(&large).unwrap().iter().zip(&all) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
    }
    let small = Tensor::zeros((1, 3, 4, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert!(set.scores(&small).unwrap_err().to_string().contains("8x8 cannot judge"));
}

#[test]
fn training_learns() {
    let folder = tempfile::tempdir().unwrap();
    let config = ClassifierConfig { kimg: 1.6, fmap_max: 16, fmap_base: 128, ..config(1.6) };
    let trained = train(
        &faces(400),
        &config,
        folder.path(),
        &Device::Cpu,
        &AtomicBool::new(false),
        &|_, _| {},
    )
    .unwrap();
    let Some(Trained::Done(about)) = trained.get(12) else { panic!("{trained:?}") };
    // The tone of the skin is plain at 8 pixels.
    assert_eq!(about.attribute, "dark_skin");
    let plain = about.share.max(1.0 - about.share);
    assert!(about.accuracy > plain + 0.1, "{about:?}");
}

#[test]
fn too_few_images_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let go = AtomicBool::new(false);
    let error =
        train(&faces(10), &config(0.1), folder.path(), &Device::Cpu, &go, &|_, _| {}).unwrap_err();
    assert!(matches!(error, ClassifierError::TooFew { images: 10, .. }));
    let path = folder.path().join("other.safetensors");
    let x = Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap();
    stylegan_checkpoint::save(&path, [("x", &x)], &Default::default()).unwrap();
    let error = ClassifierSet::open(folder.path(), &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("holds no classifier"), "{error}");
}
