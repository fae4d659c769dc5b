//! Scores, input gradients and shapes.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan_layers::{Parameters, Structure, parameter_count, shapes_of};
use stylegan_testkit::{Tolerance, assert_close, directional_gradcheck, synthetic, synthetic_f64};

use crate::{Discriminator, DiscriminatorConfig, Downscale, LabelHead};

fn small() -> DiscriminatorConfig {
    DiscriminatorConfig { resolution: 16, fmap_base: 32, fmap_max: 6, ..Default::default() }
}

fn build(config: &DiscriminatorConfig, dtype: DType) -> (Discriminator, Parameters) {
    let parameters = Parameters::new(5, dtype, &Device::Cpu);
    (Discriminator::new(config, parameters.builder()).unwrap(), parameters)
}

#[test]
fn the_official_networks_have_the_official_parameters() -> Result<()> {
    let official = [
        (64, 22_498_049),
        (128, 22_941_313),
        (256, 23_052_353),
        (512, 23_080_225),
        (1024, 23_087_249),
    ];
    for (resolution, count) in official {
        let config = DiscriminatorConfig { resolution, ..Default::default() };
        let shapes = shapes_of(|vb| Discriminator::new(&config, vb))?;
        assert_eq!(parameter_count(&shapes), count, "at {resolution}");
    }
    Ok(())
}

/// The gradient that the tape computes against that of candle's backward pass, for every way to
/// build.
#[test]
fn the_tape_gives_the_input_gradient() -> Result<()> {
    let base = small();
    let configs = [
        base.clone(),
        DiscriminatorConfig { downscale: Downscale::AfterActivation, blur: false, ..base.clone() },
        DiscriminatorConfig { mbstd_group_size: 1, channels: 1, ..base.clone() },
        DiscriminatorConfig { base: [4, 6], channels: 4, ..base.clone() },
    ];
    for config in configs {
        let (network, _) = build(&config, DType::F64);
        for lod in [0.0, 0.3, 1.0, 1.6, 2.0] {
            let (h, w) = network.pyramid().full_size();
            let x = synthetic_f64("x", (4, config.channels, h, w), 0.0, 0.6);
            let cotangent = synthetic_f64("cotangent", 4, 0.0, 1.0);
            let (scores, tape) = network.forward_with_vjp(&x, lod, None)?;
            let gradient = tape.input_gradient(&cotangent)?;
            assert_eq!(gradient.dims(), x.dims());
            assert_same(&scores.score, &network.forward(&x, lod, None)?.score);
            // candle's own first order, on the same graph; central differences would cross the
            // kinks of the activations.
            let var = Var::from_tensor(&x)?;
            let score = network.forward(var.as_tensor(), lod, None)?.score;
            let store = (score * &cotangent)?.sum_all()?.backward()?;
            assert_same(&gradient, store.get(&var).unwrap());
        }
    }
    Ok(())
}

fn assert_same(a: &Tensor, b: &Tensor) {
    assert_close("score or gradient", a, b, Tolerance::DOUBLE);
}

/// A loss that contains the input gradient, differentiated by the weights.
#[test]
fn the_second_order_agrees_with_finite_differences() -> Result<()> {
    let (network, parameters) = build(&small(), DType::F64);
    let x = synthetic_f64("x", (4, 3, 16, 16), 0.0, 0.6);
    let ones = Tensor::ones(4, DType::F64, &Device::Cpu)?;
    let penalty = || -> Result<Tensor> {
        let (_, tape) = network.forward_with_vjp(&x, 0.4, None)?;
        tape.input_gradient(&ones)?.sqr()?.sum_all()
    };
    directional_gradcheck(penalty, &parameters.trainable(), 1e-4)
}

#[test]
fn labels_select_their_score() -> Result<()> {
    let (network, _) = build(&DiscriminatorConfig { label_dim: 3, ..small() }, DType::F32);
    let x = synthetic("x", (2, 3, 16, 16), 0.0, 1.0);
    let one = |class: usize| -> Result<Vec<f32>> {
        let rows: Vec<f32> = (0..6).map(|i| f32::from(i % 3 == class)).collect();
        let labels = Tensor::from_vec(rows, (2, 3), &Device::Cpu)?;
        network.forward(&x, 0.0, Some(&labels))?.score.to_vec1::<f32>()
    };
    assert_ne!(one(0)?, one(2)?);
    assert!(network.forward(&x, 0.0, None).is_err());
    let (unlabelled, _) = build(&small(), DType::F32);
    assert!(
        unlabelled
            .forward(&x, 0.0, Some(&Tensor::ones((2, 3), DType::F32, &Device::Cpu)?))
            .is_err()
    );
    Ok(())
}

#[test]
fn an_ac_gan_head_predicts_classes_beside_the_score() -> Result<()> {
    let config = DiscriminatorConfig { label_dim: 3, label_head: LabelHead::AcGan, ..small() };
    let (network, _) = build(&config, DType::F32);
    let x = synthetic("x", (2, 3, 16, 16), 0.0, 1.0);
    let (scores, tape) = network.forward_with_vjp(&x, 0.0, None)?;
    assert_eq!(scores.score.dims(), [2]);
    assert_eq!(scores.label_logits.unwrap().dims(), [2, 3]);
    let x_var = Var::from_tensor(&x)?;
    let score = network.forward(x_var.as_tensor(), 0.0, None)?.score.sum_all()?;
    let by_candle = score.backward()?.get(&x_var).unwrap().clone();
    let by_tape = tape.input_gradient(&Tensor::ones(2, DType::F32, &Device::Cpu)?)?;
    assert_close("gradient", &by_tape, &by_candle, Tolerance::REDUCTION);
    Ok(())
}

#[test]
fn a_projection_adds_to_the_score_of_the_image_alone() -> Result<()> {
    let config = DiscriminatorConfig { label_dim: 3, label_head: LabelHead::Projection, ..small() };
    let (network, parameters) = build(&config, DType::F32);
    let x = synthetic("x", (2, 3, 16, 16), 0.0, 1.0);
    let labels = Tensor::new(&[[1f32, 0.0, 1.0], [0.0, 1.0, 0.0]], &Device::Cpu)?;
    let x_var = Var::from_tensor(&x)?;
    let score = network.forward(x_var.as_tensor(), 0.0, Some(&labels))?.score;
    let (_, tape) = network.forward_with_vjp(&x, 0.0, Some(&labels))?;
    let by_candle = score.sum_all()?.backward()?.get(&x_var).unwrap().clone();
    let by_tape = tape.input_gradient(&Tensor::ones(2, DType::F32, &Device::Cpu)?)?;
    assert_close("gradient", &by_tape, &by_candle, Tolerance::REDUCTION);
    assert!(network.forward(&x, 0.0, None).is_err());
    // Without an embedding, all labels have the score of the image alone.
    for name in ["projection.weight", "projection.bias"] {
        let parameter = parameters.get(name).unwrap();
        parameter.set(&parameter.zeros_like()?)?;
    }
    let scores = |labels: &Tensor| network.forward(&x, 0.0, Some(labels))?.score.to_vec1::<f32>();
    assert_eq!(scores(&labels)?, scores(&labels.zeros_like()?)?);
    Ok(())
}

#[test]
fn a_fixed_structure_has_one_from_rgb() -> Result<()> {
    let config = DiscriminatorConfig { structure: Structure::Fixed, ..small() };
    let shapes = shapes_of(|vb| Discriminator::new(&config, vb))?;
    let from_rgb: Vec<_> = shapes.keys().filter(|name| name.ends_with("from_rgb.weight")).collect();
    assert_eq!(from_rgb, ["b16.from_rgb.weight"]);
    let (network, _) = build(&config, DType::F32);
    let x = synthetic("x", (2, 3, 16, 16), 0.0, 1.0);
    assert!(network.forward(&x, 0.0, None).is_ok());
    assert!(network.forward(&x, 1.0, None).is_err());
    assert!(network.forward_native(&synthetic("x", (2, 3, 8, 8), 0.0, 1.0), 0.0, None).is_err());
    Ok(())
}
