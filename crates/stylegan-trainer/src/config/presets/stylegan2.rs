//! StyleGAN2's configurations.

use stylegan::{Architecture, Structure};
use stylegan_progressive::ByResolution;

use super::{faces_32, official};
use crate::config::{NetworkGeneration, TrainConfig};

/// The configuration of this name, if it is one of StyleGAN2's.
pub(super) fn preset(name: &str) -> Option<TrainConfig> {
    Some(match name {
        "config-e" => config_e(),
        "config-f" => config_f(),
        "paper256" => paper256(),
        "auto" => auto(256),
        "faces-32-sg2" => faces_32_sg2(),
        _ => {
            let resolution: usize = name.strip_prefix("auto-")?.parse().ok()?;
            let possible = resolution.is_power_of_two() && (8..=1024).contains(&resolution);
            return possible.then(|| auto(resolution));
        }
    })
}

/// What all have in common: networks that do not grow, R1 every 16 steps and path length every 4, in steps of their own.
fn stylegan2(mut config: TrainConfig) -> TrainConfig {
    config.network.generation = NetworkGeneration::Stylegan2;
    config.network.structure = Structure::Fixed;
    config.generator.architecture = Architecture::Skip;
    config.discriminator.architecture = Architecture::Resnet;
    config.loss.lazy = true;
    config.loss.penalty_interval = 16;
    config.loss.path_length_weight = 2.0;
    config.schedule.minibatch_at = ByResolution::default();
    config.schedule.tick_kimg = 4.0;
    config.schedule.tick_kimg_at = ByResolution::default();
    config.schedule.minibatch_repeats = 1;
    config.optimizer.learning_rate_at = ByResolution::default();
    config.run.snapshot_ticks = 50;
    config.run.image_ticks = 50;
    config
}

/// Karras et al. 2020, table 1, configuration E.
fn config_e() -> TrainConfig {
    let mut config = stylegan2(official());
    config.run.name = "faces-1024-config-e".to_owned();
    config.schedule.minibatch = 32;
    // What one of eight GPUs had: the minibatch standard deviation sees as many images.
    config.schedule.part = 4;
    config.optimizer.learning_rate = 0.002;
    config.loss.r1_gamma = 100.0;
    config
}

/// Configuration F.
fn config_f() -> TrainConfig {
    let mut config = config_e();
    config.run.name = "faces-1024-config-f".to_owned();
    config.network.fmap_base = 16_384;
    config.loss.r1_gamma = 10.0;
    config
}

/// The 256x256 baseline of Karras et al. 2020 (StyleGAN2-ADA), without augmentation.
fn paper256() -> TrainConfig {
    let mut config = config_e();
    config.run.name = "faces-256-paper256".to_owned();
    config.network.resolution = 256;
    config.schedule.minibatch = 64;
    config.schedule.part = 8;
    config.discriminator.mbstd_group_size = 8;
    config.optimizer.learning_rate = 0.0025;
    config.loss.r1_gamma = 1.0;
    config.average.half_life_kimg = 20.0;
    config
}

/// The heuristics of StyleGAN2-ADA's official script for one GPU.
fn auto(resolution: usize) -> TrainConfig {
    let mut config = config_e();
    let minibatch = (4096 / resolution).min(32);
    config.run.name = format!("faces-{resolution}-auto");
    config.network.resolution = resolution;
    config.network.fmap_base = if resolution >= 512 { 16_384 } else { 8192 };
    config.generator.mapping_layers = 2;
    config.schedule.minibatch = minibatch;
    config.schedule.part = 0;
    config.discriminator.mbstd_group_size = minibatch.min(4);
    config.optimizer.learning_rate = if resolution >= 1024 { 0.002 } else { 0.0025 };
    config.loss.r1_gamma = 0.0002 * (resolution * resolution) as f64 / minibatch as f64;
    config.average.half_life_kimg = minibatch as f64 * 10.0 / 32.0;
    config.average.rampup = 0.05;
    config
}

/// The bundled faces, small: the sizes and the labels of `faces-32`, and what a run of few steps needs: a mapping network that learns,
/// R1 more often and stronger, a rate that falls at the end. There are no noise inputs: with them, the first thing that the generator
/// learns is to hide behind noise at 32x32, and faces were still speckled after ten thousand images.
fn faces_32_sg2() -> TrainConfig {
    let mut config = stylegan2(faces_32());
    config.run.name = "faces-32-sg2".to_owned();
    config.run.total_kimg = 50.0;
    config.optimizer.learning_rate_at = ByResolution::default();
    config.optimizer.rampdown_kimg = 12.0;
    config.run.image_ticks = 1;
    config.run.snapshot_ticks = 4;
    config.generator.use_noise = false;
    config.loss.penalty_interval = 4;
    config.loss.r1_gamma = 1.5;
    config.schedule.tick_kimg = 5.0;
    config.average.half_life_kimg = 2.0;
    config.average.rampup = 0.05;
    config
}
