//! Shapes, configurations, levels of detail, noise.

use candle_core::{DType, Device, Result, Tensor};
use stylegan_layers::{Parameters, Structure};
use stylegan_ops as ops;
use stylegan_testkit::{Tolerance, assert_close, assert_same_bits, relative_error, synthetic};

use crate::{Noise, NoiseKind, Synthesis, SynthesisConfig};

fn small() -> SynthesisConfig {
    SynthesisConfig { resolution: 16, w_dim: 8, fmap_base: 32, fmap_max: 6, ..Default::default() }
}

fn build(config: &SynthesisConfig) -> (Synthesis, Parameters) {
    let parameters = Parameters::new(5, DType::F32, &Device::Cpu);
    (Synthesis::new(config, parameters.builder()).unwrap(), parameters)
}

fn styles(network: &Synthesis) -> Tensor {
    synthetic("ws", (2, network.num_layers(), 8), 0.0, 1.0)
}

#[test]
fn every_shape_of_image() -> Result<()> {
    for (resolution, base, channels) in [(8, [4, 4], 1), (16, [4, 6], 3), (32, [3, 4], 4)] {
        let config = SynthesisConfig { resolution, base, channels, ..small() };
        let (network, _) = build(&config);
        assert_eq!(network.num_layers(), config.num_layers().unwrap());
        let image = network.forward(&styles(&network), 0.0, &Noise::Const)?;
        let scale = resolution / 4;
        assert_eq!(image.dims(), [2, channels, base[0] * scale, base[1] * scale]);
    }
    Ok(())
}

#[test]
fn a_whole_lod_is_the_smaller_image_enlarged() -> Result<()> {
    let (network, _) = build(&small());
    let ws = styles(&network);
    let native = network.forward_native(&ws, 1.0, &Noise::Const)?;
    assert_eq!(native.dims(), [2, 3, 8, 8]);
    let full = network.forward(&ws, 1.0, &Noise::Const)?;
    assert_same_bits("full", &full, &ops::upsample_nearest2d(&native)?);
    // A fade goes from one to the other.
    let (zero, nearly) = (0.0, 1.0 - 1e-6);
    let faded = network.forward(&ws, nearly, &Noise::Const)?;
    assert_close("fade", &faded, &full, Tolerance::new(1e-4, "a millionth from its end"));
    assert!(relative_error(&network.forward(&ws, zero, &Noise::Const)?, &full) > 0.1);
    Ok(())
}

#[test]
fn noise_is_what_is_asked_for() -> Result<()> {
    let (network, parameters) = build(&small());
    let ws = styles(&network);
    let random = |step| Noise::Random { seed: 1, step, kind: NoiseKind::Gaussian };
    let image = |noise: &Noise| network.forward(&ws, 0.0, noise);
    // The strength of noise starts at zero.
    assert_same_bits("at the start", &image(&Noise::None)?, &image(&random(0))?);
    for (name, var) in parameters.trainable() {
        if name.ends_with("noise.weight") {
            var.set(&var.ones_like()?)?;
        }
    }
    assert_same_bits("constant", &image(&Noise::Const)?, &image(&Noise::Const)?);
    assert_same_bits("same step", &image(&random(3))?, &image(&random(3))?);
    for other in [Noise::None, Noise::Const, random(4)] {
        assert!(relative_error(&image(&other)?, &image(&random(3))?) > 1e-3, "{other:?}");
    }
    Ok(())
}

#[test]
fn every_configuration_of_the_paper() -> Result<()> {
    let f = small();
    let d = SynthesisConfig { use_noise: false, ..f.clone() };
    let c = SynthesisConfig { const_input: false, ..d.clone() };
    let b =
        SynthesisConfig { use_styles: false, instance_norm: false, pixel_norm: true, ..c.clone() };
    let a = SynthesisConfig { blur: false, ..b.clone() };
    let without_norm = SynthesisConfig { instance_norm: false, ..f.clone() };
    let fixed = SynthesisConfig { structure: Structure::Fixed, ..f.clone() };
    for config in [a, b, c, d, f, without_norm, fixed] {
        let (network, parameters) = build(&config);
        let image = network.forward(&styles(&network), 0.0, &Noise::Const)?;
        let energy = image.sqr()?.mean_all()?.to_scalar::<f32>()?;
        assert!(energy.is_finite() && energy > 0.0, "{config:?}");
        let grads = image.sqr()?.sum_all()?.backward()?;
        let used = |name: &str| {
            // Growing networks have toRGB layers that the full resolution does not use.
            config.structure == Structure::Fixed
                || !name.ends_with("to_rgb.weight") && !name.ends_with("to_rgb.bias")
        };
        for (name, var) in parameters.trainable() {
            assert!(!used(&name) || grads.get(&var).is_some(), "{name} of {config:?}");
        }
    }
    Ok(())
}

#[test]
fn styles_of_another_shape_are_refused() {
    let (network, _) = build(&small());
    let error = network.forward(&synthetic("ws", (2, 5, 8), 0.0, 1.0), 0.0, &Noise::None);
    assert!(error.unwrap_err().to_string().contains("expected (6, 8)"));
}
