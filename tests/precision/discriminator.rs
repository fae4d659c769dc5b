//! Discriminators: scores, and gradients of both orders.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan::{
    Architecture, Discriminator, DiscriminatorConfig, Downscale, FloatFormat, Parameters, Precision,
};
use stylegan_testkit::{assert_same_bits, synthetic};

use super::{GRADIENT, HALVES, IMAGE, Problems, gradient_vector, half};

fn build(config: &DiscriminatorConfig) -> (Discriminator, Parameters) {
    let parameters = Parameters::new(5, DType::F32, &Device::Cpu);
    (Discriminator::new(config, parameters.builder()).unwrap(), parameters)
}

/// Either generation, with every way to join and to halve.
fn configs() -> Vec<DiscriminatorConfig> {
    let base =
        DiscriminatorConfig { resolution: 16, fmap_base: 128, fmap_max: 16, ..Default::default() };
    let second = [Architecture::Orig, Architecture::Skip, Architecture::Resnet];
    let second = second
        .map(|architecture| DiscriminatorConfig { stylegan2: Some(architecture), ..base.clone() });
    let after = Downscale::AfterActivation;
    let first = [base.clone(), DiscriminatorConfig { downscale: after, blur: false, ..base }];
    first.into_iter().chain(second).collect()
}

/// The scores of images, their gradients with respect to the images, and the gradients of a loss that contains both.
fn found(
    network: &Discriminator,
    x: &Tensor,
    lod: f64,
    vars: &[(String, Var)],
) -> Result<[Tensor; 3]> {
    let (scores, tape) = network.forward_native_with_vjp(x, lod, None)?;
    let input = tape.input_gradient(&scores.score.ones_like()?)?;
    let loss = (input.sqr()?.sum_all()? + (&scores.score * 0.1)?.sum_all()?)?;
    Ok([scores.score.detach(), input.detach(), gradient_vector(&loss, vars)?])
}

#[test]
fn scores_and_gradients_are_those_of_float32() -> Result<()> {
    let mut problems = Problems::default();
    for (index, config) in configs().iter().enumerate() {
        let (network, parameters) = build(config);
        let vars = parameters.trainable();
        let lods: &[f64] = if config.stylegan2.is_none() { &[0.0, 0.3, 1.0] } else { &[0.0] };
        for &lod in lods {
            let side = 16 >> lod as usize;
            let x = synthetic("x", (4, 3, side, side), 0.0, 0.6);
            let expected = found(&network, &x, lod, &vars)?;
            for dtype in HALVES {
                let network = network.clone().with_precision(half(dtype));
                let rounded = found(&network, &x, lod, &vars)?;
                for (at, what, limits) in [
                    (0, "scores", IMAGE),
                    (1, "the images' gradient", GRADIENT),
                    (2, "its gradient", GRADIENT),
                ] {
                    let what = format!("{what} of network {index} at {lod}");
                    problems.compare(&what, dtype, (&rounded[at], &expected[at]), limits);
                }
                // Without a tape, as in the generator's step.
                let plain = network.forward_native(&x, lod, None)?.score;
                assert_same_bits("scores", &plain, &rounded[0]);
            }
        }
    }
    problems.finish();
    Ok(())
}

#[test]
fn without_half_blocks_the_bits_are_those_of_float32() -> Result<()> {
    for config in configs() {
        let (network, parameters) = build(&config);
        let vars = parameters.trainable();
        let x = synthetic("x", (4, 3, 16, 16), 0.0, 0.6);
        let none = Precision { half_blocks: 0, clamp: 1e-3, ..half(FloatFormat::Float16) };
        let unlike = network.clone().with_precision(none);
        let same = found(&network, &x, 0.0, &vars)?;
        for (a, b) in same.iter().zip(&found(&unlike, &x, 0.0, &vars)?) {
            assert_same_bits("no half blocks", a, b);
        }
    }
    Ok(())
}

#[test]
fn activations_have_a_limit_and_no_gradient_beyond_it() -> Result<()> {
    for config in configs() {
        let (network, _) = build(&config);
        let x = synthetic("x", (4, 3, 16, 16), 0.0, 0.6);
        let tight = Precision { clamp: 1e-6, ..half(FloatFormat::Bfloat16) };
        let (scores, tape) = network.with_precision(tight).forward_with_vjp(&x, 0.0, None)?;
        let ones = scores.score.ones_like()?;
        let input = tape.input_gradient(&ones)?.abs()?.max_all()?.to_scalar::<f32>()?;
        let largest = scores.score.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(largest < 1e-2 && input < 1e-3, "{largest} {input} {config:?}");
    }
    Ok(())
}
