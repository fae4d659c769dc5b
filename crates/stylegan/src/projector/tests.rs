//! Images of a generator are found again; ramps; early ends.

use std::ops::ControlFlow;

use candle_core::{DType, Device, Result, Tensor};
use stylegan_testkit::assert_same_bits;

use super::*;
use crate::Parameters;

/// A small generator of either generation.
fn generator(second: bool) -> Result<(GeneratorConfig, BTreeMap<String, Tensor>)> {
    let mut config =
        if second { GeneratorConfig::stylegan2_e() } else { GeneratorConfig::default() };
    config.mapping.z_dim = 8;
    config.mapping.w_dim = 8;
    config.mapping.hidden_dim = 8;
    config.mapping.layers = 2;
    config.synthesis.w_dim = 8;
    config.synthesis.resolution = 8;
    config.synthesis.fmap_max = 8;
    let parameters = Parameters::new(4, DType::F32, &Device::Cpu);
    Generator::new(&config, parameters.builder())?;
    // Noise has no effect in a network that was not trained.
    for (name, var) in parameters.all() {
        if name.ends_with("noise.strength") || name.ends_with("noise.weight") {
            var.set(&var.ones_like()?.affine(0.1, 0.0)?)?;
        }
    }
    Ok((config, parameters.tensors()))
}

fn open(config: &GeneratorConfig, tensors: &BTreeMap<String, Tensor>) -> Result<Generator> {
    let tensors = tensors.clone().into_iter().collect();
    Generator::new(config, VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))
}

fn settings(space: ProjectionSpace) -> ProjectionSettings {
    ProjectionSettings { space, steps: 60, samples: 200, ..ProjectionSettings::default() }
}

#[test]
fn an_image_of_the_generator_comes_nearer_in_both_spaces_and_generations() -> Result<()> {
    for second in [false, true] {
        let (config, tensors) = generator(second)?;
        let network = open(&config, &tensors)?;
        let z = crate::latents(&[7], 8, &Device::Cpu)?;
        let ws = network.broadcast(&network.map(&z, None)?)?;
        let target = network.synthesize(&ws, 0.0, &Noise::Const)?.detach();
        for space in [ProjectionSpace::W, ProjectionSpace::WPlus] {
            let distance = |image: &Tensor| multi_scale_pixels(image, &target);
            let (mut first, mut steps) = (None, 0);
            let mut watch = |step: &ProjectionStep| {
                first.get_or_insert(step.distance);
                steps += 1;
                ControlFlow::Continue(())
            };
            let found = project(&config, &tensors, None, &distance, &settings(space), &mut watch)?;
            assert_eq!(steps, 61, "every step and the last look");
            let first = first.unwrap_or_default();
            assert!(found.distance < 0.5 * first, "{second} {space:?}: {first} {}", found.distance);
            assert!(found.step > 44, "noise on w ends after three quarters");

            // The codes and the maps make the image that was found.
            let mut with_maps = tensors.clone();
            with_maps.extend(found.noise.clone());
            let again = open(&config, &with_maps)?.synthesize(&found.ws, 0.0, &Noise::Const)?;
            assert_same_bits("image", &again, &found.image);
            let one = |t: &Tensor| t.narrow(1, 0, 1);
            let same = (one(&found.ws)? - found.ws.narrow(1, 1, 1)?)?.abs()?.max_all()?;
            assert_eq!(same.to_scalar::<f32>()? == 0.0, space == ProjectionSpace::W);
        }
    }
    Ok(())
}

#[test]
fn a_search_that_is_ended_keeps_what_it_has() -> Result<()> {
    let (config, tensors) = generator(true)?;
    let target = Tensor::zeros((1, 3, 8, 8), DType::F32, &Device::Cpu)?;
    let distance = |image: &Tensor| multi_scale_pixels(image, &target);
    let mut settings = settings(ProjectionSpace::W);
    settings.optimize_noise = false;
    let mut watch = |_: &ProjectionStep| ControlFlow::Break(());
    let found = project(&config, &tensors, None, &distance, &settings, &mut watch)?;
    assert_eq!((found.step, found.noise.len()), (60, 0));
    let nothing = |image: &Tensor| image.sum_all()?.affine(f64::NAN, 0.0);
    let error = project(&config, &tensors, None, &nothing, &settings, &mut watch).unwrap_err();
    assert!(error.to_string().contains("distance is NaN"), "{error}");
    Ok(())
}

#[test]
fn ramps_are_those_of_the_paper() {
    let s = ProjectionSettings::default();
    assert_eq!(s.noise_at(0.0), 0.05);
    assert!((s.noise_at(0.375) - 0.0125).abs() < 1e-12);
    assert_eq!(s.noise_at(0.75), 0.0);
    assert_eq!(s.rate_at(0.0), 0.0);
    assert!((s.rate_at(0.025) - 0.05).abs() < 1e-12);
    assert!((s.rate_at(0.5) - 0.1).abs() < 1e-12);
    assert!((s.rate_at(0.875) - 0.05).abs() < 1e-12);
}

#[test]
fn a_search_of_a_model_with_labels_begins_at_the_average_of_all_that_are_given() -> Result<()> {
    let (mut config, _) = generator(false)?;
    config.mapping.label_dim = 2;
    let parameters = Parameters::new(4, DType::F32, &Device::Cpu);
    let network = Generator::new(&config, parameters.builder())?;
    let tensors = parameters.tensors();
    let labels = Tensor::new(&[[1f32, 0.0], [0.0, 1.0]], &Device::Cpu)?;
    let settings = ProjectionSettings { steps: 1, ..settings(ProjectionSpace::W) };
    let start = |labels: &Tensor| {
        let (mean, _) = statistics(&network, Some(labels), &settings)?;
        mean.to_vec1::<f32>()
    };
    let (both, first) = (start(&labels)?, start(&labels.narrow(0, 0, 1)?)?);
    assert!(both.iter().zip(&first).any(|(a, b)| (a - b).abs() > 1e-3), "{both:?} {first:?}");
    let target = Tensor::zeros((1, 3, 8, 8), DType::F32, &Device::Cpu)?;
    let distance = |image: &Tensor| multi_scale_pixels(image, &target);
    let mut watch = |_: &ProjectionStep| ControlFlow::Continue(());
    let found = project(&config, &tensors, Some(&labels), &distance, &settings, &mut watch)?;
    assert!(found.distance.is_finite());
    let turns = rows_in_turn(&labels, 1, 3)?.to_vec2::<f32>()?;
    assert_eq!(turns, [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    Ok(())
}
