//! Weights that are not the network's, and what must hold of a distance.

use candle_core::{DType, Device, Tensor, Var};
use stylegan_ops::random::Stream;

use crate::{Backbone, FeatureError, Inception, Lpips, Sampling, Vgg16, Weights};

fn images(step: u64) -> Tensor {
    Stream::new(2, step, 0)
        .uniform((2, 3, 40, 36), &Device::Cpu)
        .unwrap()
        .affine(2.0, -1.0)
        .unwrap()
}

#[test]
fn a_distance_is_symmetric_and_none_of_an_image_to_itself() {
    for backbone in [Backbone::AlexNet, Backbone::SqueezeNet] {
        let lpips = Lpips::random(backbone, 1).unwrap();
        let values =
            |a: &Tensor, b: &Tensor| lpips.distance(a, b).unwrap().to_vec1::<f32>().unwrap();
        let (a, b) = (images(0), images(1));
        assert_eq!(values(&a, &a), [0.0, 0.0]);
        let (ab, ba) = (values(&a, &b), values(&b, &a));
        assert!(
            ab.iter().zip(&ba).all(|(x, y)| *x > 0.0 && (x - y).abs() < 1e-6 * x),
            "{ab:?} {ba:?}"
        );
    }
}

#[test]
fn the_image_gets_a_gradient_that_points_towards_the_target() {
    let lpips = Lpips::random(Backbone::SqueezeNet, 1).unwrap();
    let (a, target) = (Var::from_tensor(&images(0)).unwrap(), lpips.features(&images(1)).unwrap());
    let distance = |a: &Tensor| {
        let distance = lpips.between(&lpips.features(a).unwrap(), &target.detach()).unwrap();
        distance.sum_all().unwrap()
    };
    let before = distance(&a);
    let gradient = before.backward().unwrap().get(&a).unwrap().clone();
    let length = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
    let step = gradient.affine(-0.05 / f64::from(length), 0.0).unwrap();
    let after = distance(&(a.as_tensor() + step).unwrap());
    let (before, after) = (before.to_scalar::<f32>().unwrap(), after.to_scalar::<f32>().unwrap());
    assert!(after < before, "{before} {after}");
}

#[test]
fn random_weights_are_those_of_their_seed() {
    let shapes = Backbone::SqueezeNet.shapes();
    let values = |seed| {
        let weights = Weights::random(&shapes, seed).unwrap();
        weights.tensors["features.0.weight"].flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
}

#[test]
fn missing_and_extra_tensors_and_other_shapes_are_named_at_once() {
    let mut weights = Weights::random(&Backbone::AlexNet.shapes(), 0).unwrap();
    weights.tensors.remove("features.6.bias");
    let one = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
    weights.tensors.insert("head.weight".to_owned(), one.clone());
    weights.tensors.insert("features.0.bias".to_owned(), one.clone());
    // The dense layers of torchvision's file are no mistake.
    weights.tensors.insert("classifier.1.weight".to_owned(), one);
    let error = Lpips::new(Backbone::AlexNet, &weights).unwrap_err();
    assert!(matches!(error, FeatureError::Mismatch { .. }));
    let said = error.to_string();
    for part in [
        "missing (1)",
        "features.6.bias",
        "unexpected (1)",
        "head.weight",
        "expected [64], found [1]",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("classifier"), "{said}");
}

#[test]
fn the_wrong_network_is_refused_by_name() {
    let weights = Weights::random(&Backbone::SqueezeNet.shapes(), 0).unwrap();
    let said = Inception::new(&weights, Sampling::Centres).unwrap_err().to_string();
    assert!(said.contains("FID's Inception network") && said.contains("Conv2d_1a_3x3"), "{said}");
    assert!(Vgg16::new(&weights).is_err());
}

#[test]
fn files_are_read_in_both_forms_and_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let weights = Weights::random(&Backbone::SqueezeNet.shapes(), 5).unwrap();
    let tensors = weights.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    stylegan_checkpoint::save(&path, tensors, &Default::default()).unwrap();
    let read = Weights::load(&path).unwrap();
    assert_eq!(read.checksum.len(), 64);
    Lpips::new(Backbone::SqueezeNet, &read).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let said = Weights::load(&path).unwrap_err().to_string();
    assert!(said.contains("truncated") && said.contains("weights.safetensors"), "{said}");
    std::fs::write(&path, b"PK\x03\x04 no archive").unwrap();
    assert!(Weights::load(&path).is_err());
    assert!(Weights::load(&folder.path().join("none")).unwrap_err().to_string().contains("none"));
}
