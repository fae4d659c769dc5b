//! Whole generators: sizes, files.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result};
use stylegan_testkit::assert_same_bits;

use crate::{
    GenerateOptions, Generator, GeneratorConfig, ModelError, Parameters, latents, load_generator,
    parameter_count, save_generator, shapes_of,
};

fn count(config: &GeneratorConfig) -> Result<usize> {
    Ok(parameter_count(&shapes_of(|vb| Generator::new(config, vb))?))
}

#[test]
fn the_official_networks_have_the_official_parameters() -> Result<()> {
    let official = [
        (64, 25_137_935),
        (128, 25_843_858),
        (256, 26_086_229),
        (512, 26_179_768),
        (1024, 26_219_627),
    ];
    for (resolution, expected) in official {
        let mut config = GeneratorConfig::config_f();
        config.synthesis.resolution = resolution;
        assert_eq!(count(&config)?, expected, "at {resolution}");
    }
    let mut progressive = GeneratorConfig::config_a();
    progressive.synthesis.resolution = 1024;
    assert_eq!(count(&progressive)?, 23_079_115);
    Ok(())
}

#[test]
fn stylegan2_has_the_official_parameters() -> Result<()> {
    assert_eq!(count(&GeneratorConfig::stylegan2_f())?, 30_370_060);
    let mut config = GeneratorConfig::stylegan2_f();
    config.synthesis.resolution = 256;
    assert_eq!(count(&config)?, 30_034_338);
    Ok(())
}

fn small() -> GeneratorConfig {
    let mut config = GeneratorConfig::default();
    config.mapping.z_dim = 16;
    config.mapping.w_dim = 16;
    config.mapping.hidden_dim = 16;
    config.synthesis.w_dim = 16;
    config.synthesis.resolution = 8;
    config.synthesis.fmap_max = 8;
    config
}

#[test]
fn a_saved_generator_makes_the_same_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("generator.safetensors");
    let parameters = Parameters::new(9, DType::F32, &Device::Cpu);
    let generator = Generator::new(&small(), parameters.builder()).unwrap();
    save_generator(&path, &small(), &parameters, &BTreeMap::new()).unwrap();
    let loaded = load_generator(&path, &Device::Cpu).unwrap();
    assert_eq!(loaded.config(), &small());
    let z = latents(&[1, 2, 3], 16, &Device::Cpu).unwrap();
    let image = |g: &Generator| g.generate(&z, None, &GenerateOptions::default()).unwrap();
    assert_same_bits("images", &image(&loaded), &image(&generator));
}

#[test]
fn other_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    stylegan_checkpoint::save(&path, std::iter::empty(), &BTreeMap::new()).unwrap();
    let error = load_generator(&path, &Device::Cpu).unwrap_err();
    assert!(matches!(&error, ModelError::NotAGenerator { path: named } if *named == path));

    // A generator with a tensor missing and one too many.
    let parameters = Parameters::new(9, DType::F32, &Device::Cpu);
    Generator::new(&small(), parameters.builder()).unwrap();
    let mut tensors = parameters.tensors();
    let moved = tensors.remove("synthesis.b8.conv1.bias").unwrap();
    tensors.insert("synthesis.b8.conv1.bios".to_owned(), moved);
    let metadata = crate::generator_metadata(&small()).unwrap();
    let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    stylegan_checkpoint::save(&path, named, &metadata).unwrap();
    let error = load_generator(&path, &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("conv1.bias") && error.contains("conv1.bios"), "{error}");
}

#[test]
fn files_of_both_generations_say_which_they_are() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    for (stylegan2, mut config) in [(false, small()), (true, GeneratorConfig::stylegan2_e())] {
        config.mapping.w_dim = 16;
        config.mapping.hidden_dim = 16;
        config.mapping.z_dim = 16;
        config.synthesis.w_dim = 16;
        config.synthesis.resolution = 8;
        config.synthesis.fmap_max = 8;
        let parameters = Parameters::new(3, DType::F32, &Device::Cpu);
        Generator::new(&config, parameters.builder())?;
        let path = folder.path().join("model.safetensors");
        save_generator(&path, &config, &parameters, &BTreeMap::new()).unwrap();
        assert_eq!(load_generator(&path, &Device::Cpu).unwrap().config(), &config);
        // StyleGAN's files are what they were before there was another generation.
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(json.contains("stylegan2"), stylegan2, "{json}");
    }
    Ok(())
}
