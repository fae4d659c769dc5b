//! Orthogonality, eigenvectors, means, files, errors.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use stylegan_ops::random::Stream;

use super::*;
use crate::{Generator, GeneratorConfig, Parameters};

fn vector(values: &[f64]) -> Tensor {
    Tensor::new(values, &Device::Cpu).unwrap()
}

fn dot(a: &Tensor, b: &Tensor) -> f64 {
    (a * b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
}

#[test]
fn only_the_named_layers_move() {
    let ws = Tensor::zeros((2, 4, 3), DType::F32, &Device::Cpu).unwrap();
    let moved = |layers| super::moved(&ws, &vector(&[0.0, 1.0, 0.0]), 2.5, layers);
    let found = moved(Some(1..=2)).unwrap().to_vec3::<f32>().unwrap();
    let zero = vec![0.0; 3];
    let shifted = vec![0.0, 2.5, 0.0];
    assert_eq!(found[1], [zero.clone(), shifted.clone(), shifted.clone(), zero]);
    assert_eq!(moved(None).unwrap().to_vec3::<f32>().unwrap()[0], vec![shifted; 4]);
    let error = moved(Some(2..=4)).unwrap_err().to_string();
    assert_eq!(error, "layers 2 to 4 were named, but the model has 0 to 3");
}

#[test]
fn a_conditional_direction_is_orthogonal_to_the_others() {
    let direction = vector(&[1.0, 2.0, 3.0, 4.0]);
    let others = [vector(&[1.0, 0.0, 1.0, 0.0]), vector(&[2.0, 1.0, 0.0, 0.0])];
    let found = conditional(&direction, &others).unwrap();
    assert!(others.iter().all(|other| dot(&found, other).abs() < 1e-12));
    assert!((dot(&found, &found) - 1.0).abs() < 1e-12 && dot(&found, &direction) > 0.0);
    let mixture = (&others[0] + &others[1]).unwrap();
    assert!(matches!(conditional(&mixture, &others), Err(EditError::NothingLeft)));
    // Twice the same other is no other.
    let twice = [others[0].clone(), others[0].clone()];
    assert!(dot(&conditional(&direction, &twice).unwrap(), &others[0]).abs() < 1e-12);
}

#[test]
fn class_means_point_from_one_to_the_other() {
    let w = Tensor::new(&[[0f32, 1.0], [4.0, 1.0], [2.0, 1.0], [0.0, 1.0]], &Device::Cpu).unwrap();
    let found = class_mean(&w, &[false, true, true, false], "hat").unwrap();
    assert_eq!(found.to_vec1::<f64>().unwrap(), [1.0, 0.0]);
    let error = class_mean(&w, &[true; 4], "hat").unwrap_err().to_string();
    assert!(error.contains("of 4 codes, 4 have `hat`"), "{error}");
}

#[test]
fn eigenvectors_of_a_known_matrix() {
    // Q diag(9, 4, 1, 0) Q^T with the columns of a Hadamard matrix.
    let q = [[1., 1., 1., 1.], [1., -1., 1., -1.], [1., 1., -1., -1.], [1., -1., -1., 1.]];
    let values = [9.0, 4.0, 1.0, 0.0];
    let entry =
        |i: usize, j: usize| (0..4).map(|k| q[k][i] * q[k][j] * values[k] / 4.0).sum::<f64>();
    let rows = (0..4).map(|i| (0..4).map(|j| entry(i, j)).collect()).collect();
    let found = eigen::symmetric(rows);
    for (k, (value, vector)) in found.iter().enumerate().take(3) {
        assert!((value - values[k]).abs() < 1e-9, "{value}");
        let along: f64 = vector.iter().zip(q[k]).map(|(a, b)| a * b / 2.0).sum();
        assert!((along.abs() - 1.0).abs() < 1e-9, "{k}: {along}");
    }
    assert!(found[3].0.abs() < 1e-9);
}

/// A small generator of either generation.
fn weights(second: bool) -> (GeneratorConfig, BTreeMap<String, Tensor>) {
    let mut config =
        if second { GeneratorConfig::stylegan2_e() } else { GeneratorConfig::default() };
    config.mapping.w_dim = 12;
    config.mapping.hidden_dim = 12;
    config.synthesis.w_dim = 12;
    config.synthesis.resolution = 16;
    config.synthesis.fmap_max = 8;
    let parameters = Parameters::new(4, DType::F32, &Device::Cpu);
    Generator::new(&config, parameters.builder()).unwrap();
    (config, parameters.tensors())
}

#[test]
fn factors_are_the_directions_of_greatest_change() {
    for second in [false, true] {
        let (config, tensors) = weights(second);
        for layers in [None, Some(2..=3)] {
            let factors = factorize(&config, &tensors, layers.clone()).unwrap();
            assert_eq!(factors.len(), 12);
            // The squared change of all styles along a direction.
            let names: Vec<String> = match (&layers, second) {
                (None, _) => tensors.keys().filter(|n| n.contains("conv")).cloned().collect(),
                (_, false) => {
                    ["b8.conv0", "b8.conv1"].map(|n| format!("synthesis.{n}.style.weight")).into()
                }
                (_, true) => {
                    ["b8.conv1", "b16.conv0"].map(|n| format!("synthesis.{n}.style.weight")).into()
                }
            };
            let change = |direction: &Tensor| -> f64 {
                let named = names.iter().filter(|name| name.ends_with("style.weight"));
                named
                    .map(|name| {
                        let weight = tensors[name].to_dtype(DType::F64).unwrap();
                        let moved = weight.matmul(&direction.reshape((12, 1)).unwrap()).unwrap();
                        moved.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
                    })
                    .sum()
            };
            for pair in factors.windows(2) {
                assert!(pair[0].strength >= pair[1].strength);
                assert!(dot(&pair[0].direction, &pair[1].direction).abs() < 1e-6);
            }
            for factor in &factors {
                let found = change(&factor.direction);
                assert!(
                    (found / factor.strength - 1.0).abs() < 1e-6,
                    "{found} {}",
                    factor.strength
                );
            }
            let random = Stream::new(1, 1, 1).normal(12, &Device::Cpu).unwrap();
            let random = unit(&random).unwrap().unwrap();
            assert!(change(&random) < factors[0].strength);
        }
    }
}

#[test]
fn layers_without_weights_are_refused() {
    let (config, tensors) = weights(true);
    let error = factorize(&config, &tensors, Some(5..=5)).unwrap_err().to_string();
    assert!(error.contains("layers 5 to 5 have no styles"), "{error}");
    let error = factorize(&config, &tensors, Some(3..=6)).unwrap_err().to_string();
    assert!(error.contains("has 0 to 5"), "{error}");
}

#[test]
fn directions_come_back_from_a_file_and_unknown_names_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directions.safetensors");
    let mut directions = Directions::default();
    directions.insert("smile", &vector(&[3.0, 4.0])).unwrap();
    directions.insert("glasses", &vector(&[0.0, -2.0])).unwrap();
    directions.insert("nothing", &vector(&[0.0, 0.0])).unwrap();
    directions.save(&path, &BTreeMap::new()).unwrap();
    let found = Directions::load(&path, 2).unwrap();
    assert_eq!(found.names().collect::<Vec<_>>(), ["glasses", "smile"]);
    let smile = found.get("smile").unwrap().to_vec1::<f64>().unwrap();
    assert!((smile[0] - 0.6).abs() < 1e-6 && (smile[1] - 0.8).abs() < 1e-6);
    let error = found.get("smiel").unwrap_err().to_string();
    assert_eq!(error, "there is no direction `smiel`; the nearest known: `smile`, `glasses`");
    let error = Directions::load(&path, 3).unwrap_err().to_string();
    assert!(error.contains("shape [2], codes have 3 components"), "{error}");
}
