//! The networks as wholes: parameters, shapes, modes.

use candle_core::{DType, Device, Result, Tensor};
use stylegan_layers::{Parameters, parameter_count, shapes_of};
use stylegan_testkit::{Tolerance, assert_close, assert_same_bits, relative_error, synthetic};

use crate::{
    BackboneConfig, BatchRecord, Depth, Encoder, EncoderConfig, EncoderKind, Identity,
    IdentityConfig, Mode, face_crop,
};

fn count(config: &EncoderConfig) -> usize {
    parameter_count(&shapes_of(|vb| Encoder::new(config, vb)).unwrap())
}

#[test]
fn the_reference_has_as_many_parameters() {
    assert_eq!(count(&EncoderConfig::default()), 267_136_704);
    // The trunk alone: input layer and body.
    let shapes = shapes_of(|vb| Encoder::new(&EncoderConfig::default(), vb)).unwrap();
    let trunk = shapes
        .into_iter()
        .filter(|(name, _)| name.starts_with("input") || name.starts_with("body"));
    assert_eq!(parameter_count(&trunk.collect()), 30_950_080);
}

#[test]
fn the_depths_have_the_published_numbers_of_units() {
    let units = [Depth::D50, Depth::D100, Depth::D152].map(|d| d.units().iter().sum::<usize>());
    assert_eq!(units, [24, 49, 50]);
}

fn tiny(kind: EncoderKind) -> EncoderConfig {
    let backbone = BackboneConfig { depth: Depth::D18, base_width: 16, squeeze_excitation: true };
    EncoderConfig { kind, backbone, ..EncoderConfig::small(32, 8, 24) }
}

#[test]
fn every_kind_gives_styles() -> Result<()> {
    for kind in [EncoderKind::GradualStyle, EncoderKind::IntoW, EncoderKind::IntoWPlus] {
        for (squeeze_excitation, channels, size) in [(true, 3, 32), (false, 1, 64)] {
            let mut config = tiny(kind);
            config.backbone.squeeze_excitation = squeeze_excitation;
            (config.input_channels, config.input_size) = (channels, size);
            let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
            let encoder = Encoder::new(&config, parameters.builder())?;
            let x = synthetic("x", (2, channels, size, size), 0.0, 0.5);
            let codes = encoder.forward(&x, Mode::Evaluation)?;
            assert_eq!(codes.dims(), [2, 8, 24]);
            if kind == EncoderKind::IntoW {
                assert_same_bits("one w", &codes.get_on_dim(1, 0)?, &codes.get_on_dim(1, 7)?);
            }
            let error = encoder.forward(&x.narrow(2, 0, 16)?, Mode::Evaluation).unwrap_err();
            assert!(error.to_string().contains("takes images"), "{error}");
        }
    }
    Ok(())
}

#[test]
fn codes_start_from_the_average() -> Result<()> {
    let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
    let encoder = Encoder::new(&tiny(EncoderKind::GradualStyle), parameters.builder())?;
    let average = synthetic("average", (8, 24), 0.0, 1.0);
    parameters.get("latent_avg").unwrap().set(&average)?;
    let x = synthetic("x", (2, 3, 32, 32), 0.0, 0.5);
    let offsets = encoder.offsets(&x, Mode::Evaluation)?;
    let codes = encoder.forward(&x, Mode::Evaluation)?;
    assert_close("codes", &codes, &offsets.broadcast_add(&average)?, Tolerance::REDUCTION);
    // It is a buffer: not trained, and not counted.
    assert!(parameters.trainable().iter().all(|(name, _)| name != "latent_avg"));
    Ok(())
}

#[test]
fn running_statistics_follow_the_batches_when_applied() -> Result<()> {
    let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
    let encoder = Encoder::new(&tiny(EncoderKind::IntoWPlus), parameters.builder())?;
    let x = synthetic("x", (4, 3, 32, 32), 0.3, 0.5);
    let before = encoder.forward(&x, Mode::Evaluation)?;
    let record = BatchRecord::default();
    let in_training = encoder.forward(&x, Mode::Training(&record))?;
    assert_same_bits("not yet", &encoder.forward(&x, Mode::Evaluation)?, &before);
    let mean = || parameters.get("input_layer.1.running_mean").unwrap().to_vec1::<f32>();
    assert!(mean()?.iter().all(|m| *m == 0.0));
    for _ in 0..80 {
        let record = BatchRecord::default();
        encoder.forward(&x, Mode::Training(&record))?;
        record.apply(&parameters)?;
    }
    assert!(mean()?.iter().any(|m| *m != 0.0));
    // On and on with one batch, evaluation becomes training but for the variance of a sample.
    let after = encoder.forward(&x, Mode::Evaluation)?;
    let error = relative_error(&after, &in_training);
    assert!(error < 0.2 && error < relative_error(&before, &in_training), "{error}");
    Ok(())
}

#[test]
fn every_parameter_gets_a_gradient() -> Result<()> {
    for kind in [EncoderKind::GradualStyle, EncoderKind::IntoW, EncoderKind::IntoWPlus] {
        let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
        let encoder = Encoder::new(&tiny(kind), parameters.builder())?;
        let x = synthetic("x", (2, 3, 32, 32), 0.0, 0.5);
        let record = BatchRecord::default();
        let store = encoder.forward(&x, Mode::Training(&record))?.sqr()?.sum_all()?.backward()?;
        for (name, var) in parameters.trainable() {
            // The baselines do not look at the pyramid.
            assert!(store.get(&var).is_some(), "{kind:?}: {name} has no gradient");
        }
    }
    Ok(())
}

#[test]
fn embeddings_have_unit_length_and_do_not_see_the_border() -> Result<()> {
    let backbone = BackboneConfig { depth: Depth::D18, base_width: 16, squeeze_excitation: true };
    let config = IdentityConfig { backbone, embedding: 12, input_size: 32 };
    let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
    let network = Identity::new(&config, parameters.builder())?;
    let x = synthetic("x", (2, 3, 64, 64), 0.0, 0.5);
    let y = network.of_images(&x)?;
    let lengths = y.sqr()?.sum(1)?.to_vec1::<f32>()?;
    assert!(lengths.iter().all(|l| (l - 1.0).abs() < 1e-5), "{lengths:?}");
    // The first eight rows of 64 are the first 32 of 256: outside of the crop.
    let other = Tensor::cat(&[x.narrow(2, 0, 8)?.neg()?, x.narrow(2, 8, 56)?], 2)?;
    assert_same_bits("border", &network.of_images(&other)?, &y);
    assert_eq!(face_crop(&x.narrow(1, 0, 1)?, 112)?.dims(), [2, 3, 112, 112]);
    Ok(())
}

#[test]
fn configurations_that_cannot_be_are_named() {
    let refused = |change: fn(&mut EncoderConfig)| {
        let mut config = EncoderConfig::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    assert!(refused(|c| c.input_size = 48).contains("input_size"));
    assert!(refused(|c| c.backbone.base_width = 20).contains("base_width"));
    assert!(refused(|c| c.styles = 0).contains("styles"));
    let error = EncoderConfig::default().fits(14, 512).unwrap_err().to_string();
    assert!(error.contains("18 styles of 512") && error.contains("14 of 512"), "{error}");
}
