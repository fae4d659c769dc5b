//! StyleGAN2's configurations.

use stylegan::{Architecture, Downscale, LabelHead, Structure, Upscale};
use stylegan_losses::GeneratorLoss;
use stylegan_progressive::ByResolution;

use super::{faces_32, official};
use crate::config::{DiscriminatorLossKind, NetworkGeneration, TrainConfig};

/// The configuration of this name, if it is one of StyleGAN2's.
pub(super) fn preset(name: &str) -> Option<TrainConfig> {
    Some(match name {
        "config-e" => config_e(),
        "config-f" => config_f(),
        "paper256" => paper256(),
        "auto" => auto(256),
        "faces-32-sg2" => faces_32_sg2(),
        "faces-64-sg2" => faces_64_sg2(),
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

/// StyleGAN2 for minutes or hours on a CPU, at a resolution, for any images; `docs/learning.md` has the runs that it was chosen by. What differs
/// from the official numbers is what a run of few images needs:
///
/// - Maps are halved after activations, by means: with the official discriminator's filter and convolution of stride 2, one pair of eyes is drawn into
///   all faces within the tens of thousands of images that there is time for. They are doubled before convolutions, which matters less.
/// - Scores of real and generated images are compared, with R1 and R2 (R3GAN: Huang et al. 2024): more varied faces from half the images.
/// - Small batches and so more steps, a rate that falls over the second half, a mapping network that learns, an average of a short half-life.
pub(in crate::config) fn small_stylegan2(resolution: usize) -> TrainConfig {
    let mut config = stylegan2(faces_32());
    let widths = match resolution {
        0..=64 => 128,
        65..=256 => 256,
        _ => 512,
    };
    config.run.name = format!("faces-{resolution}-sg2");
    config.run.image_ticks = 1;
    config.run.snapshot_ticks = 4;
    config.data.labels = false;
    config.network.resolution = resolution;
    // 32 maps at the full resolution.
    config.network.fmap_base = 16 * resolution;
    config.network.fmap_max = widths;
    config.generator.z_dim = widths;
    config.generator.w_dim = widths;
    config.generator.mapping_dim = widths;
    config.generator.upscale = Upscale::BeforeConvolution;
    config.generator.mixing_probability = 0.5;
    config.discriminator.downscale = Downscale::AfterActivation;
    config.discriminator.label_head = LabelHead::Projection;
    config.loss.generator = GeneratorLoss::Relativistic;
    config.loss.discriminator = DiscriminatorLossKind::Relativistic;
    // What a pixel's share of the gradient is penalised with grows with the number of pixels, less than in proportion.
    let gamma = 0.5 * resolution as f64 / 32.0;
    config.loss.r1_gamma = gamma;
    config.loss.r2_gamma = gamma;
    config.loss.penalty_interval = 8;
    config.loss.path_length_weight = 0.0;
    config.schedule.minibatch = 8;
    config.schedule.part = 4;
    config.schedule.parts_at_once = 2;
    config.optimizer.learning_rate = 0.0025;
    config.optimizer.noise_rate = 1.0;
    config.average.rampup = 0.05;
    config
}

/// A length for a configuration of [`small_stylegan2`].
pub(in crate::config) fn lasting(mut config: TrainConfig, total_kimg: f64) -> TrainConfig {
    config.run.total_kimg = total_kimg;
    config.optimizer.rampdown_kimg = total_kimg / 2.0;
    config.average.half_life_kimg = (total_kimg / 20.0).clamp(0.2, 10.0);
    config.schedule.tick_kimg = (total_kimg / 20.0).max(0.2);
    config
}

/// The default: the bundled faces at 32x32 within ten minutes on two cores, told their attributes.
pub(in crate::config) fn faces_32_sg2() -> TrainConfig {
    let mut config = lasting(small_stylegan2(32), 50.0);
    config.data.labels = true;
    config
}

/// The same at 64x64, meant for half an hour.
fn faces_64_sg2() -> TrainConfig {
    let mut config = lasting(small_stylegan2(64), 60.0);
    config.run.grid = [10, 6];
    config.data.labels = true;
    config
}
