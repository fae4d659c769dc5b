//! Layers, errors, presets.

use stylegan::{FusedScale, GeneratorConfig, LabelHead};
use stylegan_losses::DiscriminatorLoss;

use super::*;
use crate::Half;

fn error(setting: &str) -> ConfigError {
    TrainConfig::default().set(setting).unwrap_err()
}

fn invalid(setting: &str) -> String {
    let mut config = TrainConfig::default();
    config.set(setting).unwrap_or_else(|error| panic!("{setting}: {error}"));
    config.validate().unwrap_err().to_string()
}

fn preset(name: &str) -> TrainConfig {
    TrainConfig::preset(name).unwrap()
}

#[test]
fn every_preset_is_valid_and_survives_toml() {
    let faces = ["faces-32-a", "faces-32-b", "faces-64-c", "faces-32-e"];
    for name in PRESETS.map(|(name, _)| name).into_iter().chain(faces) {
        let config = preset(name);
        config.validate().unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = config.to_toml().unwrap();
        assert_eq!(TrainConfig::from_toml(&text).unwrap(), config, "{name}\n{text}");
    }
}

#[test]
fn keys_are_laid_over_a_preset() {
    let text = "preset = \"f\"\n[optimizer]\nlearning_rate = 0.004\nlearning_rate_at = {}\n\
                [schedule]\nminibatch_at = { 8 = 64 }\ntraining_kimg = 300\n";
    let mut config = TrainConfig::from_toml(text).unwrap();
    let expected = preset("f");
    assert_eq!(config.optimizer.learning_rate, 0.004);
    assert!(config.optimizer.learning_rate_at.is_empty());
    assert_eq!(config.schedule.training_kimg, 300.0);
    assert_eq!(config.schedule.minibatch_at.iter().collect::<Vec<_>>(), [(8, 64)]);
    assert_eq!(config.schedule.transition_kimg, expected.schedule.transition_kimg);
    config.set("schedule.minibatch_at.16 = 32").unwrap();
    config.set("generator.training_noise=perlin").unwrap();
    config.set("run.grid=[3, 2]").unwrap();
    config.set("data.source=my images/a=b").unwrap();
    assert_eq!(config.schedule.minibatch_at.iter().count(), 2);
    assert_eq!(config.generator.training_noise, TrainingNoise::Perlin);
    assert_eq!((config.run.grid, config.data.source.as_str()), ([3, 2], "my images/a=b"));
}

#[test]
fn unknown_keys_come_with_the_nearest() {
    let unknown = |key: &str, nearest: Option<&str>| {
        let expected =
            ConfigError::UnknownKey { key: key.into(), nearest: nearest.map(str::to_owned) };
        assert_eq!(error(&format!("{key}=1")), expected);
        let mut config = TrainConfig::default();
        assert_eq!(config.apply_toml(&format!("{key} = 1")), Err(expected));
        assert_eq!(config, TrainConfig::default());
    };
    unknown("schedule.trainig_kimg", Some("schedule.training_kimg"));
    unknown("r1_gamma", Some("loss.r1_gamma"));
    unknown("optimizer.minibatch", Some("schedule.minibatch"));
    unknown("loss.frobnicate", None);
    let message = error("schedule.minibatch.64=8").to_string();
    assert!(message.contains("did you mean `schedule.minibatch_at`"), "{message}");
    let mut config = TrainConfig::default();
    let error = config.apply_toml("[optimiser]\n").unwrap_err();
    assert!(error.to_string().contains("did you mean `optimizer`"), "{error}");
    let error = TrainConfig::preset("face-32").unwrap_err();
    assert!(error.to_string().contains("did you mean `faces-32`"), "{error}");
    assert!(TrainConfig::preset("faces-32-g").is_err());
    assert!(TrainConfig::from_toml("preset = 3").is_err());
}

#[test]
fn wrong_values_are_named_and_change_nothing() {
    for setting in [
        "schedule.minibatch=many",
        "schedule.minibatch=-1",
        "schedule.minibatch_at={ large = 3 }",
        "loss.generator=nonsense",
        "run.grid=[1]",
        "data.mirror=1",
    ] {
        let mut config = TrainConfig::default();
        let error = config.set(setting).unwrap_err();
        let (key, _) = setting.split_once('=').unwrap();
        assert!(matches!(&error, ConfigError::BadValue { key: k, .. } if k == key), "{error}");
        assert_eq!(config, TrainConfig::default());
    }
    assert!(matches!(error("schedule.minibatch"), ConfigError::Setting { .. }));
    assert!(matches!(
        TrainConfig::default().apply_toml("[loss\n"),
        Err(ConfigError::Syntax { message }) if message.contains("line 1")
    ));
}

#[test]
fn impossible_values_are_named() {
    let mut config = TrainConfig::default();
    (config.schedule.minibatch, config.schedule.part) = (6, 0);
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("mbstd_group_size"), "{error}");
    for (setting, part) in [
        ("network.resolution=48", "power of two"),
        ("network.resolution=2048", "`network.resolution`"),
        ("network.channels=2", "`network.channels`"),
        ("network.base=[4, 0]", "base"),
        ("network.fmap_base=4", "`network.fmap_base`"),
        ("generator.mapping_layers=0", ""),
        ("generator.z_dim=0", "z_dim"),
        ("schedule.initial_resolution=12", "initial_resolution"),
        ("schedule.part=6", "mbstd_group_size"),
        ("optimizer.beta2=1", "`optimizer.beta2`"),
        ("optimizer.learning_rate=0", "learning_rate"),
        ("loss.r1_gamma=-1", "`loss.r1_gamma`"),
        ("loss.r1_gamma=nan", "`loss.r1_gamma`"),
        ("run.name=\"a/b\"", "`run.name`"),
        ("run.total_kimg=0", "`run.total_kimg`"),
        ("precision.clamp=0", "`precision.clamp`"),
        ("precision.clamp=1e6", "`precision.clamp`"),
        ("precision.loss_scale=1000", "power of two"),
        ("precision.loss_scale=0.5", "`precision.loss_scale`"),
        ("precision.growth_interval=0", "`precision.growth_interval`"),
    ] {
        if part.is_empty() {
            // z and w are of one width here.
            let mut config = TrainConfig::default();
            config.set(setting).unwrap();
            config.validate().unwrap();
            continue;
        }
        let message = invalid(setting);
        assert!(message.contains(part), "{setting}: {message}");
    }
}

#[test]
fn the_paper_configurations_have_their_flags() {
    for (name, expected) in [
        ("a", GeneratorConfig::config_a()),
        ("b", GeneratorConfig::config_b()),
        ("c", GeneratorConfig::config_c()),
        ("d", GeneratorConfig::config_d()),
        ("e", GeneratorConfig::config_f()),
        ("f", GeneratorConfig::config_f()),
    ] {
        let mut found = preset(name).generator_config(0);
        if name == "a" {
            assert_eq!(found.synthesis.fused_scale, FusedScale::True);
            found.synthesis.fused_scale = expected.synthesis.fused_scale;
        }
        assert_eq!(found, expected, "{name}");
    }
    let mixing = ["d", "e", "f"].map(|name| preset(name).generator.mixing_probability);
    assert_eq!(mixing, [0.0, 0.0, 0.9]);
    let a = preset("a");
    assert_eq!(a.discriminator_loss(), DiscriminatorLoss::WGAN_GP);
    assert_eq!((a.run.total_kimg, a.schedule.initial_resolution), (12_000.0, 4));
    assert_eq!(a.discriminator_config(0).label_head, LabelHead::AcGan);
    assert_eq!((a.average_decay(4, 0), preset("f").average_decay(10_000, 0)), (0.999, 0.5));
    assert_eq!(preset("faces-32-b").run.name, "faces-32-b");
    assert_eq!(preset("ffhq-1024").schedule().unwrap().at(0).minibatch, 256);
}

#[test]
fn batches_are_split_into_parts() {
    let mut config = preset("ffhq-1024");
    assert_eq!(config.parts(1024, 32), [4; 8]);
    assert_eq!(config.parts(8, 256), [32; 8]);
    config.schedule.part = 5;
    assert_eq!(config.parts(1024, 12), [5, 5, 2]);
    assert_eq!(config.parts(1024, 5), [5]);
    config.schedule.part = 0;
    assert_eq!(config.parts(1024, 32), [32]);
}

#[test]
fn the_learning_rate_falls_at_the_end() {
    let mut config = TrainConfig::default();
    config.run.total_kimg = 100.0;
    config.optimizer.rampdown_kimg = 40.0;
    let factors = [0, 60_000, 80_000, 100_000, 200_000].map(|images| config.rampdown(images));
    assert_eq!(factors, [1.0, 1.0, 0.5, 0.0, 0.0]);
    config.optimizer.rampdown_kimg = 0.0;
    assert_eq!((config.rampdown(99_999), config.rampdown(100_000)), (1.0, 1.0));
}

#[test]
fn penalties_have_the_same_mean_at_any_interval() {
    let mut config = TrainConfig::default();
    config.loss.r2_gamma = 3.0;
    for interval in [1, 4] {
        config.loss.penalty_interval = interval;
        let sum = (0..8)
            .map(|step| config.penalties(step))
            .fold((0.0, 0.0), |sum, (r1, r2)| (sum.0 + r1, sum.1 + r2));
        assert_eq!(sum, (8.0 * config.loss.r1_gamma, 24.0));
    }
    assert_eq!(config.penalties(1), (0.0, 0.0));
}

#[test]
fn stylegan2_presets_are_the_papers() {
    let mut f = preset("config-f");
    assert_eq!(f.generator_config(0), GeneratorConfig::stylegan2_f());
    assert_eq!(preset("config-e").generator_config(0), GeneratorConfig::stylegan2_e());
    assert_eq!(preset("config-e").loss.r1_gamma, 100.0);
    // Four steps and one of path length; sixteen and one of R1.
    assert_eq!(f.lazy_correction(Half::Generator), 0.8);
    assert_eq!(f.lazy_correction(Half::Discriminator), 16.0 / 17.0);
    assert_eq!(f.adam(Half::Generator).beta2, 0.99f64.powf(0.8));
    assert_eq!(f.penalties(16), (160.0, 0.0));
    let weights = [0, 1, 4].map(|step| f.path_length(step).map(|p| p.weight));
    assert_eq!(weights, [Some(8.0), None, Some(8.0)]);
    f.loss.path_length_weight = 0.0;
    assert_eq!((f.path_length(0), f.lazy_correction(Half::Generator)), (None, 1.0));
    // Batch and gamma of the heuristics follow the resolution.
    let auto = preset("auto-128");
    assert_eq!((auto.schedule.minibatch, auto.network.resolution), (32, 128));
    assert!((auto.loss.r1_gamma - 0.0002 * 128.0 * 128.0 / 32.0).abs() < 1e-12);
    assert_eq!(preset("paper256").discriminator.mbstd_group_size, 8);
    assert!(TrainConfig::preset("auto-100").is_err());
}

#[test]
fn the_average_follows_faster_at_first() {
    let config = preset("auto");
    // A twentieth of 20 thousand images is the half-life; later it is the configured one.
    assert_eq!(config.average_decay(1000, 20_000), 0.5);
    let late = config.average_decay(1000, u64::MAX);
    assert_eq!(late, 0.5f64.powf(1.0 / config.average.half_life_kimg));
    assert_eq!(config.average_decay(16, 0), 0.0);
}

#[test]
fn what_stylegan2_cannot_be_is_named() {
    let message = |setting: &str| {
        let mut config = preset("faces-32-sg2");
        config.set(setting).unwrap();
        config.validate().unwrap_err().to_string()
    };
    assert!(message("network.structure=growing").contains("network.structure"));
    assert!(message("loss.path_length_shrink=0").contains("path_length_shrink"));
    let mut first = preset("faces-32");
    first.set("loss.path_length_weight=2").unwrap();
    let error = first.validate().unwrap_err().to_string();
    assert!(error.contains("loss.path_length_weight"), "{error}");
    for (name, _) in PRESETS {
        preset(name).validate().unwrap();
    }
}

#[test]
fn precision_is_float32_unless_it_is_asked_for() {
    // As files were before there was a choice.
    let mut table: toml::Table = preset("f").to_toml().unwrap().parse().unwrap();
    table.remove("precision");
    let config = TrainConfig::deserialize(toml::Value::Table(table)).unwrap();
    assert_eq!(config, preset("f"));
    assert!(!config.precision.precision().is_mixed());

    let message = error("precision.dtype=half").to_string();
    assert!(message.contains("`precision.dtype`") && message.contains("bfloat16"), "{message}");
    let mut config = preset("faces-32");
    config.set("precision.dtype=float16").unwrap();
    config.validate().unwrap();
    config.set("precision.half_blocks=5").unwrap();
    let message = config.validate().unwrap_err().to_string();
    assert!(message.contains("`precision.half_blocks`") && message.contains('4'), "{message}");
    config.set("precision.dtype=float32").unwrap();
    config.validate().unwrap();
}
