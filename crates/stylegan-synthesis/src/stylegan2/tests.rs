//! Shapes, names, and the way back to the styles in both orders.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan_layers::{Architecture, Parameters, parameter_count, shapes_of};
use stylegan_testkit::{
    Tolerance, assert_close, assert_same_bits, directional_gradcheck, relative_error, synthetic_f64,
};

use crate::{Noise, NoiseKind, Synthesis, SynthesisConfig, Upscale};

const ARCHITECTURES: [Architecture; 3] =
    [Architecture::Orig, Architecture::Skip, Architecture::Resnet];

/// Every architecture with every place where maps are doubled.
fn variants() -> impl Iterator<Item = (Architecture, Upscale)> {
    let places = [Upscale::InConvolution, Upscale::BeforeConvolution];
    places.into_iter().flat_map(|upscale| ARCHITECTURES.map(|architecture| (architecture, upscale)))
}

fn small(architecture: Architecture) -> SynthesisConfig {
    SynthesisConfig {
        resolution: 16,
        w_dim: 5,
        fmap_base: 16,
        fmap_max: 4,
        stylegan2: Some(architecture),
        ..Default::default()
    }
}

fn build(config: &SynthesisConfig) -> (Synthesis, Parameters) {
    let parameters = Parameters::new(5, DType::F64, &Device::Cpu);
    let network = Synthesis::new(config, parameters.builder()).unwrap();
    // Noise that counts: its strength starts at zero.
    for (name, var) in parameters.trainable() {
        if name.ends_with("noise.strength") {
            var.set(&Tensor::new(0.3f64, &Device::Cpu).unwrap()).unwrap();
        }
    }
    (network, parameters)
}

#[test]
fn names_are_the_public_format() -> Result<()> {
    let names = |architecture| -> Result<Vec<String>> {
        let config = SynthesisConfig { resolution: 8, ..small(architecture) };
        let shapes = shapes_of(|vb| Synthesis::new(&config, vb))?;
        Ok(shapes.into_keys().collect())
    };
    let layer = |name: &str| {
        ["bias", "noise.const", "noise.strength", "style.bias", "style.weight", "weight"]
            .map(|part| format!("{name}.{part}"))
    };
    let rgb = |name: &str| {
        ["bias", "style.bias", "style.weight", "weight"].map(|part| format!("{name}.to_rgb.{part}"))
    };
    let mut expected = vec!["b4.const".to_owned()];
    expected.extend(layer("b4.conv1"));
    expected.extend(rgb("b4"));
    expected.extend([layer("b8.conv0"), layer("b8.conv1")].concat());
    expected.extend(rgb("b8"));
    assert_eq!(names(Architecture::Skip)?, expected);
    let resnet = names(Architecture::Resnet)?;
    assert!(resnet.contains(&"b8.skip.weight".to_owned()));
    assert!(!resnet.iter().any(|name| name.starts_with("b4.to_rgb")));
    Ok(())
}

/// Where maps are doubled makes another function of the same parameters.
#[test]
fn doubling_before_a_convolution_needs_the_same_parameters() -> Result<()> {
    for architecture in ARCHITECTURES {
        let official = small(architecture);
        let other = SynthesisConfig { upscale: Upscale::BeforeConvolution, ..official.clone() };
        let shapes = |config: &SynthesisConfig| shapes_of(|vb| Synthesis::new(config, vb));
        assert_eq!(shapes(&official)?, shapes(&other)?);
        let image = |config: &SynthesisConfig| {
            let (network, _) = build(config);
            let ws = synthetic_f64("ws", (2, network.num_layers(), 5), 0.0, 1.0);
            network.forward(&ws, 0.0, &Noise::Const)
        };
        assert!(relative_error(&image(&other)?, &image(&official)?) > 1e-2);
    }
    Ok(())
}

#[test]
fn the_official_network_has_the_official_parameters() -> Result<()> {
    let config = SynthesisConfig {
        fmap_base: 16_384,
        stylegan2: Some(Architecture::Skip),
        ..Default::default()
    };
    let shapes = shapes_of(|vb| Synthesis::new(&config, vb))?;
    // With the mapping network's 2,101,248: 30,370,060.
    assert_eq!(parameter_count(&shapes), 28_268_812);
    Ok(())
}

#[test]
fn every_shape_of_image() -> Result<()> {
    for (resolution, base, channels) in [(8, [4, 4], 1), (16, [4, 6], 3), (32, [3, 4], 4)] {
        for (architecture, upscale) in variants() {
            let config =
                SynthesisConfig { resolution, base, channels, upscale, ..small(architecture) };
            let (network, _) = build(&config);
            let ws = synthetic_f64("ws", (2, network.num_layers(), 5), 0.0, 1.0);
            let image = network.forward(&ws, 0.0, &Noise::Const)?;
            let scale = resolution / 4;
            assert_eq!(image.dims(), [2, channels, base[0] * scale, base[1] * scale]);
        }
    }
    let (network, _) = build(&small(Architecture::Skip));
    let ws = synthetic_f64("ws", (2, network.num_layers(), 5), 0.0, 1.0);
    assert!(network.forward(&ws, 1.0, &Noise::Const).is_err());
    assert!(network.forward(&ws.narrow(1, 0, 3)?, 0.0, &Noise::Const).is_err());
    Ok(())
}

#[test]
fn noise_is_what_is_asked_for() -> Result<()> {
    let (network, _) = build(&small(Architecture::Skip));
    let ws = synthetic_f64("ws", (2, network.num_layers(), 5), 0.0, 1.0);
    let image = |noise: &Noise| network.forward(&ws, 0.0, noise);
    let random = |step| Noise::Random { seed: 1, step, kind: NoiseKind::Gaussian };
    assert_same_bits("again", &image(&random(3))?, &image(&random(3))?);
    let none = image(&Noise::None)?;
    for noise in [random(3), random(4), Noise::Const] {
        assert!(relative_error(&image(&noise)?, &none) > 1e-3);
    }
    assert!(relative_error(&image(&random(3))?, &image(&random(4))?) > 1e-3);
    Ok(())
}

/// The tape gives what candle's own first order gives.
#[test]
fn the_styles_gradient_is_that_of_backward() -> Result<()> {
    for (architecture, upscale) in variants() {
        let (network, _) = build(&SynthesisConfig { upscale, ..small(architecture) });
        let ws = Var::from_tensor(&synthetic_f64("ws", (2, network.num_layers(), 5), 0.0, 1.0))?;
        let (image, tape) = network.forward_with_vjp(&ws, &Noise::Const)?;
        assert_close(
            "image",
            &image,
            &network.forward(&ws, 0.0, &Noise::Const)?,
            Tolerance::DOUBLE,
        );
        let cotangent = synthetic_f64("cotangent", image.shape().clone(), 0.0, 1.0);
        let gradient = tape.styles_gradient(&cotangent)?;
        let store = (image * cotangent)?.sum_all()?.backward()?;
        assert_close("gradient", &gradient, store.get(&ws).unwrap(), Tolerance::DOUBLE);
    }
    Ok(())
}

/// A loss of the styles' gradient, differentiated by every parameter and by the styles.
#[test]
fn the_second_order_agrees_with_finite_differences() -> Result<()> {
    for (architecture, upscale) in variants() {
        let config = SynthesisConfig { resolution: 8, upscale, ..small(architecture) };
        let (network, parameters) = build(&config);
        let ws = Var::from_tensor(&synthetic_f64("ws", (2, network.num_layers(), 5), 0.0, 1.0))?;
        let cotangent = synthetic_f64("cotangent", (2, 3, 8, 8), 0.0, 1.0);
        let penalty = || -> Result<Tensor> {
            let (_, tape) = network.forward_with_vjp(&ws, &Noise::Const)?;
            tape.styles_gradient(&cotangent)?.sqr()?.sum_all()
        };
        let mut vars = parameters.trainable();
        vars.push(("ws".to_owned(), ws.clone()));
        directional_gradcheck(penalty, &vars, 1e-2)?;
    }
    Ok(())
}

#[test]
fn stylegan_has_no_way_back() -> Result<()> {
    let config = SynthesisConfig { stylegan2: None, ..small(Architecture::Skip) };
    let (network, _) = build(&config);
    let ws = synthetic_f64("ws", (1, network.num_layers(), 5), 0.0, 1.0);
    assert!(network.forward_with_vjp(&ws, &Noise::Const).is_err());
    Ok(())
}
