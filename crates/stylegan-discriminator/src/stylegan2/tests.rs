//! Sizes, scores, input gradients in both orders, labels.

use candle_core::{DType, Device, Result, Tensor, Var};
use stylegan_layers::{Architecture, Parameters, parameter_count, shapes_of};
use stylegan_testkit::{
    Tolerance, assert_close, directional_gradcheck, relative_error, synthetic_f64,
};

use crate::{Discriminator, DiscriminatorConfig, Downscale, LabelHead};

const ARCHITECTURES: [Architecture; 3] =
    [Architecture::Orig, Architecture::Skip, Architecture::Resnet];

/// Every architecture with every place where maps are halved and every head for labels.
fn variants() -> impl Iterator<Item = DiscriminatorConfig> {
    let places = [Downscale::InConvolution, Downscale::AfterActivation].into_iter();
    let pairs = places.flat_map(|downscale| {
        [LabelHead::Switch, LabelHead::Projection].map(|label_head| (downscale, label_head))
    });
    pairs.flat_map(|(downscale, label_head)| {
        ARCHITECTURES.map(|architecture| DiscriminatorConfig {
            downscale,
            label_head,
            ..small(architecture)
        })
    })
}

fn small(architecture: Architecture) -> DiscriminatorConfig {
    DiscriminatorConfig {
        resolution: 16,
        fmap_base: 32,
        fmap_max: 6,
        stylegan2: Some(architecture),
        ..Default::default()
    }
}

fn build(config: &DiscriminatorConfig) -> (Discriminator, Parameters) {
    let parameters = Parameters::new(5, DType::F64, &Device::Cpu);
    (Discriminator::new(config, parameters.builder()).unwrap(), parameters)
}

#[test]
fn the_official_network_has_the_official_parameters() -> Result<()> {
    let config = DiscriminatorConfig {
        fmap_base: 16_384,
        stylegan2: Some(Architecture::Resnet),
        ..Default::default()
    };
    assert_eq!(parameter_count(&shapes_of(|vb| Discriminator::new(&config, vb))?), 29_012_513);
    Ok(())
}

/// Where maps are halved makes another function of the same parameters.
#[test]
fn halving_after_an_activation_needs_the_same_parameters() -> Result<()> {
    for architecture in ARCHITECTURES {
        let official = small(architecture);
        let other =
            DiscriminatorConfig { downscale: Downscale::AfterActivation, ..official.clone() };
        let shapes = |config: &DiscriminatorConfig| shapes_of(|vb| Discriminator::new(config, vb));
        assert_eq!(shapes(&official)?, shapes(&other)?);
        let x = synthetic_f64("x", (4, 3, 16, 16), 0.0, 0.6);
        let score = |config: &DiscriminatorConfig| -> Result<Tensor> {
            Ok(build(config).0.forward(&x, 0.0, None)?.score)
        };
        let (score, official) = (score(&other)?, score(&official)?);
        assert_eq!(score.dims(), [4]);
        assert!(relative_error(&score, &official) > 1e-2);
    }
    Ok(())
}

#[test]
fn the_tape_gives_the_gradient_of_the_score() -> Result<()> {
    for variant in variants() {
        for (base, label_dim, group) in [([4, 4], 0, 4), ([4, 6], 3, 2), ([4, 4], 0, 1)] {
            let config =
                DiscriminatorConfig { base, label_dim, mbstd_group_size: group, ..variant.clone() };
            let (network, _) = build(&config);
            let (h, w) = network.pyramid().full_size();
            let x = Var::from_tensor(&synthetic_f64("x", (4, 3, h, w), 0.0, 0.6))?;
            let labels = synthetic_f64("labels", (4, 3), 0.0, 1.0);
            let labels = (label_dim > 0).then_some(&labels);
            let (scores, tape) = network.forward_with_vjp(&x, 0.0, labels)?;
            let plain = network.forward(&x, 0.0, labels)?.score;
            assert_close("score", &scores.score, &plain, Tolerance::DOUBLE);
            let cotangent = synthetic_f64("cotangent", 4, 0.0, 1.0);
            let store = (plain * &cotangent)?.sum_all()?.backward()?;
            let gradient = tape.input_gradient(&cotangent)?;
            assert_close("gradient", &gradient, store.get(&x).unwrap(), Tolerance::DOUBLE);
        }
    }
    Ok(())
}

/// A loss that contains the input gradient, differentiated by the weights.
#[test]
fn the_second_order_agrees_with_finite_differences() -> Result<()> {
    for variant in variants() {
        let config = DiscriminatorConfig { resolution: 8, label_dim: 2, ..variant };
        let (network, parameters) = build(&config);
        let x = synthetic_f64("x", (4, 3, 8, 8), 0.0, 0.6);
        let labels = synthetic_f64("labels", (4, 2), 0.0, 1.0);
        let ones = Tensor::ones(4, DType::F64, &Device::Cpu)?;
        let penalty = || -> Result<Tensor> {
            let (_, tape) = network.forward_with_vjp(&x, 0.0, Some(&labels))?;
            tape.input_gradient(&ones)?.sqr()?.sum_all()
        };
        directional_gradcheck(penalty, &parameters.trainable(), 1e-2)?;
    }
    Ok(())
}

#[test]
fn labels_and_sizes_must_fit() -> Result<()> {
    let (network, _) = build(&DiscriminatorConfig { label_dim: 3, ..small(Architecture::Resnet) });
    let x = synthetic_f64("x", (2, 3, 16, 16), 0.0, 1.0);
    let one = |class: usize| -> Result<Vec<f64>> {
        let rows: Vec<f64> = (0..6).map(|i| f64::from(i % 3 == class)).collect();
        let labels = Tensor::from_vec(rows, (2, 3), &Device::Cpu)?;
        network.forward(&x, 0.0, Some(&labels))?.score.to_vec1::<f64>()
    };
    assert_ne!(one(0)?, one(2)?);
    assert!(network.forward(&x, 0.0, None).is_err());
    let (unlabelled, _) = build(&small(Architecture::Resnet));
    assert!(unlabelled.forward(&x, 0.0, None).is_ok());
    assert!(unlabelled.forward(&x, 1.0, None).is_err());
    assert!(unlabelled.forward(&x.narrow(3, 0, 8)?, 0.0, None).is_err());
    Ok(())
}
