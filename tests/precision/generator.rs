//! Synthesis: images, and gradients of both orders.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan::{
    Architecture, FloatFormat, Noise, Parameters, Precision, Synthesis, SynthesisConfig,
};
use stylegan_testkit::{assert_same_bits, relative_error, synthetic};

use super::{GRADIENT, HALVES, IMAGE, Problems, gradient_vector, half};

fn small() -> SynthesisConfig {
    SynthesisConfig { resolution: 16, w_dim: 8, fmap_base: 128, fmap_max: 16, ..Default::default() }
}

fn first_generation() -> Vec<SynthesisConfig> {
    let base = small();
    vec![
        base.clone(),
        SynthesisConfig { custom_blur: true, bias_before_blur: true, ..base.clone() },
        SynthesisConfig {
            use_styles: false,
            pixel_norm: true,
            instance_norm: false,
            ..base.clone()
        },
        SynthesisConfig { instance_norm: false, ..base },
    ]
}

fn second_generation() -> Vec<SynthesisConfig> {
    [Architecture::Orig, Architecture::Skip, Architecture::Resnet]
        .map(|architecture| SynthesisConfig { stylegan2: Some(architecture), ..small() })
        .to_vec()
}

/// A network whose noise counts.
fn build(config: &SynthesisConfig) -> (Synthesis, Parameters) {
    let parameters = Parameters::new(5, DType::F32, &Device::Cpu);
    let network = Synthesis::new(config, parameters.builder()).unwrap();
    for (name, var) in parameters.trainable() {
        if name.ends_with("noise.weight") || name.ends_with("noise.strength") {
            var.set(&(var.ones_like().unwrap() * 0.3).unwrap()).unwrap();
        }
    }
    (network, parameters)
}

fn styles(network: &Synthesis) -> Result<Var> {
    Var::from_tensor(&synthetic("ws", (2, network.num_layers(), 8), 0.0, 1.0))
}

#[test]
fn images_and_their_gradients_are_those_of_float32() -> Result<()> {
    let mut problems = Problems::default();
    for (index, config) in [first_generation(), second_generation()].concat().iter().enumerate() {
        let (network, parameters) = build(config);
        let ws = styles(&network)?;
        let mut vars = parameters.trainable();
        vars.push(("ws".to_owned(), ws.clone()));
        let found = |network: &Synthesis| -> Result<(Tensor, Tensor)> {
            let image = network.forward(&ws, 0.0, &Noise::Const)?;
            let cotangent = synthetic("cotangent", image.shape().clone(), 0.0, 1.0);
            Ok((image.detach(), gradient_vector(&(image * cotangent)?.sum_all()?, &vars)?))
        };
        let (image, gradient) = found(&network)?;
        for dtype in HALVES {
            let rounded = found(&network.clone().with_precision(half(dtype)))?;
            let what = format!("the image of network {index}");
            problems.compare(&what, dtype, (&rounded.0, &image), IMAGE);
            let what = format!("the gradient of network {index}");
            problems.compare(&what, dtype, (&rounded.1, &gradient), GRADIENT);
        }
    }
    problems.finish();
    Ok(())
}

/// What path length regularisation differentiates.
#[test]
fn styles_gradients_and_their_gradients_are_those_of_float32() -> Result<()> {
    let mut problems = Problems::default();
    for config in second_generation() {
        let (network, parameters) = build(&config);
        let ws = styles(&network)?;
        let vars = parameters.trainable();
        let found = |network: &Synthesis, small: f64| -> Result<(Tensor, Tensor)> {
            let (image, tape) = network.forward_with_vjp(&ws, &Noise::Const)?;
            let cotangent = synthetic("cotangent", image.shape().clone(), 0.0, small);
            let gradient = tape.styles_gradient(&cotangent)?.affine(1.0 / small, 0.0)?;
            let penalty = gradient.sqr()?.sum_all()?;
            Ok((gradient.detach(), gradient_vector(&penalty, &vars)?))
        };
        let (gradient, second) = found(&network, 1.0)?;
        for dtype in HALVES {
            let network = network.clone().with_precision(half(dtype));
            // As small as for images of 1024x1024.
            for small in [1.0, 1e-3] {
                let rounded = found(&network, small)?;
                let architecture = config.stylegan2;
                let what = format!("the styles' gradient, {architecture:?}, times {small}");
                problems.compare(&what, dtype, (&rounded.0, &gradient), GRADIENT);
                let what = format!("its gradient, {architecture:?}, times {small}");
                problems.compare(&what, dtype, (&rounded.1, &second), GRADIENT);
            }
        }
    }
    problems.finish();
    Ok(())
}

#[test]
fn without_half_blocks_the_bits_are_those_of_float32() -> Result<()> {
    for config in [first_generation(), second_generation()].concat() {
        let (network, _) = build(&config);
        let ws = styles(&network)?;
        let image = |network: &Synthesis| network.forward(&ws, 0.0, &Noise::Const);
        let none = Precision { half_blocks: 0, clamp: 1e-3, ..half(FloatFormat::Float16) };
        let unlike = network.clone().with_precision(none);
        assert_same_bits("no half blocks", &image(&network)?, &image(&unlike)?);
    }
    Ok(())
}

/// A growing network's small images come from blocks that compute in float32, its larger ones do not.
#[test]
fn blocks_count_from_the_full_resolution() -> Result<()> {
    let (network, _) = build(&small());
    let ws = styles(&network)?;
    let one = Precision { half_blocks: 1, ..half(FloatFormat::Bfloat16) };
    let rounded = network.clone().with_precision(one);
    let image = |network: &Synthesis, lod| network.forward(&ws, lod, &Noise::Const);
    assert_same_bits("8x8", &image(&network, 1.0)?, &image(&rounded, 1.0)?);
    for lod in [0.0, 0.5] {
        let error = relative_error(&image(&rounded, lod)?, &image(&network, lod)?);
        assert!((1e-5..3e-2).contains(&error), "{error}");
    }
    Ok(())
}

#[test]
fn large_activations_stay_in_range() -> Result<()> {
    for config in second_generation() {
        let (network, parameters) = build(&config);
        let ws = styles(&network)?;
        for (name, var) in parameters.trainable() {
            // Demodulation takes it out again; in between it would leave float16.
            let demodulated = name.contains(".conv") && name.ends_with("weight");
            let large = if demodulated { 1e3 } else { 1.0 };
            var.set(&var.affine(large, 0.0)?)?;
        }
        let bias = parameters.get("b16.conv0.bias").unwrap();
        bias.set(&bias.affine(1.0, 1e5)?)?;
        let network = network.with_precision(half(FloatFormat::Float16));
        let image = network.forward(&ws, 0.0, &Noise::Const)?;
        let largest = image.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(largest <= 3.0 * 256.0, "{largest}");
    }
    Ok(())
}
