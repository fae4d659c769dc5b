//! The mapping network and the arithmetic on styles.

use candle_core::{DType, Device, Result, Tensor};
use stylegan_layers::{Parameters, parameter_count, shapes_of};
use stylegan_testkit::{Tolerance, assert_close, synthetic};

use crate::{MappingConfig, MappingConfigError, MappingNetwork};
use crate::{broadcast, mix, truncate, updated_average};

fn small(label_dim: usize) -> MappingConfig {
    MappingConfig { z_dim: 6, w_dim: 5, hidden_dim: 7, layers: 3, label_dim, ..Default::default() }
}

#[test]
fn the_official_network_has_the_official_parameters() -> Result<()> {
    let shapes = shapes_of(|vb| MappingNetwork::new(&MappingConfig::default(), vb))?;
    assert_eq!(parameter_count(&shapes), 2_101_248);
    Ok(())
}

#[test]
fn latents_are_normalised_whatever_their_length() -> Result<()> {
    let parameters = Parameters::new(3, DType::F32, &Device::Cpu);
    let network = MappingNetwork::new(&small(0), parameters.builder())?;
    let z = synthetic("z", (4, 6), 0.0, 1.0);
    let w = network.forward(&z, None)?;
    assert_eq!(w.dims(), [4, 5]);
    let long = network.forward(&z.affine(100.0, 0.0)?, None)?;
    assert_close("w", &long, &w, Tolerance::REDUCTION);
    Ok(())
}

#[test]
fn labels_matter_and_are_normalised_with_the_latents() -> Result<()> {
    let parameters = Parameters::new(3, DType::F32, &Device::Cpu);
    let config = MappingConfig { layers: 0, w_dim: 12, ..small(2) };
    let network = MappingNetwork::new(&config, parameters.builder())?;
    let z = synthetic("z", (2, 6), 0.0, 1.0);
    let labels = Tensor::new(&[[1f32, 0.0], [0.0, 1.0]], &Device::Cpu)?;
    let w = network.forward(&z, Some(&labels))?;
    // Without layers, w is the normalised concatenation: its mean square is one.
    let squares = w.sqr()?.mean(1)?.to_vec1::<f32>()?;
    assert!(squares.iter().all(|s| (s - 1.0).abs() < 1e-5), "{squares:?}");
    assert!(network.forward(&z, None).is_err());
    let unconditional =
        MappingNetwork::new(&small(0), Parameters::new(3, DType::F32, &Device::Cpu).builder())?;
    assert!(unconditional.forward(&z, Some(&labels)).is_err());
    Ok(())
}

#[test]
fn impossible_configurations_are_named() {
    let zero = MappingConfig { z_dim: 0, ..Default::default() };
    assert_eq!(zero.validate(), Err(MappingConfigError::Zero { key: "z_dim" }));
    let wide = MappingConfig { layers: 0, w_dim: 7, ..small(0) };
    assert_eq!(wide.validate(), Err(MappingConfigError::Width { input: 6, w_dim: 7 }));
    let still = MappingConfig { lr_multiplier: 0.0, ..Default::default() };
    assert_eq!(still.validate(), Err(MappingConfigError::Multiplier(0.0)));
}

#[test]
fn truncation_pulls_the_first_layers_towards_the_average() -> Result<()> {
    let w = Tensor::new(&[[3f64, 5.0]], &Device::Cpu)?;
    let average = Tensor::new(&[1f64, 1.0], &Device::Cpu)?;
    let ws = broadcast(&w, 3)?;
    let half = truncate(&ws, &average, 0.5, Some(2))?.to_vec3::<f64>()?;
    assert_eq!(half[0], [[2.0, 3.0], [2.0, 3.0], [3.0, 5.0]]);
    let all = truncate(&ws, &average, 0.0, None)?.to_vec3::<f64>()?;
    assert_eq!(all[0], [[1.0, 1.0]; 3]);
    assert_eq!(truncate(&ws, &average, 0.5, Some(0))?.to_vec3::<f64>()?, ws.to_vec3::<f64>()?);
    Ok(())
}

#[test]
fn mixing_takes_the_first_layers_from_the_first() -> Result<()> {
    let a = broadcast(&Tensor::new(&[[1f64]], &Device::Cpu)?, 4)?;
    let b = broadcast(&Tensor::new(&[[2f64]], &Device::Cpu)?, 4)?;
    let flat = |ws: Tensor| ws.flatten_all()?.to_vec1::<f64>();
    assert_eq!(flat(mix(&a, &b, 1)?)?, [1.0, 2.0, 2.0, 2.0]);
    assert_eq!(flat(mix(&a, &b, 0)?)?, [2.0; 4]);
    assert_eq!(flat(mix(&a, &b, 9)?)?, [1.0; 4]);
    assert!(mix(&a, &broadcast(&Tensor::new(&[[2f64]], &Device::Cpu)?, 3)?, 1).is_err());
    Ok(())
}

#[test]
fn the_average_keeps_beta_of_itself() -> Result<()> {
    let average = Tensor::new(&[1f64, 0.0], &Device::Cpu)?;
    let w = Tensor::new(&[[3f64, 2.0], [5.0, 2.0]], &Device::Cpu)?;
    assert_eq!(updated_average(&average, &w, 0.75)?.to_vec1::<f64>()?, [1.75, 0.5]);
    Ok(())
}

#[test]
fn stylegan2_normalises_latent_and_label_apart() -> Result<()> {
    let config = MappingConfig { stylegan2: true, ..small(2) };
    assert_eq!(config.input_dim(), 6 + 5);
    let parameters = Parameters::new(3, DType::F32, &Device::Cpu);
    let network = MappingNetwork::new(&config, parameters.builder())?;
    let dims = |name: &str| parameters.get(name).unwrap().dims().to_vec();
    assert_eq!((dims("label.weight"), dims("label.bias")), (vec![5, 2], vec![5]));
    let z = synthetic("z", (2, 6), 0.0, 1.0);
    let labels = Tensor::new(&[[1f32, 0.0], [0.0, 1.0]], &Device::Cpu)?;
    let w = network.forward(&z, Some(&labels))?;
    // Neither length matters, whatever the other is; normalised together, both would.
    let long = network.forward(&z.affine(100.0, 0.0)?, Some(&labels.affine(50.0, 0.0)?))?;
    assert_close("w", &long, &w, Tolerance::new(1e-5, "the epsilon of two normalisations"));
    let other = network.forward(&z, Some(&Tensor::new(&[[0f32, 1.0]; 2], &Device::Cpu)?))?;
    assert!(stylegan_testkit::relative_error(&other, &w) > 1e-3);
    Ok(())
}
