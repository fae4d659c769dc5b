//! Named configurations.

use stylegan::{Downscale, FusedScale, LabelHead, Structure, Upscale};
use stylegan_losses::{ClassLoss, GeneratorLoss};
use stylegan_progressive::{ByResolution, ScheduleConfig};

use super::layers::most_like;
use super::{
    AugmentSection, AverageSection, ConfigError, DataSection, DiscriminatorLossKind,
    DiscriminatorSection, GeneratorSection, LossSection, NetworkGeneration, NetworkSection,
    OptimizerSection, PrecisionSection, RunSection, ScheduleSection, TrainConfig, TrainingNoise,
};

mod stylegan2;

pub(super) use stylegan2::{faces_32_sg2, lasting, small_stylegan2};

/// The presets and what they are.
///
/// `auto` takes a resolution: `auto-64`. `faces-32` and `faces-64` take a letter too, for the paper's other configurations at their size: `faces-32-b`.
pub const PRESETS: [(&str, &str); 15] = [
    ("faces-32-sg2", "StyleGAN2 on the bundled faces at 32x32, ten minutes on a CPU (the default)"),
    ("faces-64-sg2", "the same at 64x64, meant for half an hour on a CPU; not measured yet"),
    ("faces-32", "StyleGAN, growing, on the bundled faces at 32x32, minutes on a CPU"),
    ("faces-64", "the same at 64x64, hours on a CPU"),
    ("a", "Progressive GAN, 1024x1024, one GPU's batch sizes"),
    ("b", "A, tuned: longer, from 8x8, blur, logistic loss with R1"),
    ("c", "B with a mapping network and styles"),
    ("d", "C with a learned constant as input"),
    ("e", "D with noise inputs"),
    ("f", "E with style mixing: StyleGAN, 1024x1024, one GPU's batch sizes"),
    ("config-e", "StyleGAN2 at 1024x1024: no growing, lazy regularisation, path length"),
    ("config-f", "config-e with larger networks: the paper's StyleGAN2"),
    ("paper256", "StyleGAN2 at 256x256, as StyleGAN2-ADA's paper trains it"),
    ("auto", "StyleGAN2 at 256x256 with the official heuristics; auto-128 for 128x128"),
    ("ffhq-1024", "F on a folder `ffhq`, with the batch sizes of eight GPUs, computed in parts"),
];

/// The paper's configurations (Karras et al. 2019, table 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// Progressive GAN.
    A,
    /// Tuned: blur.
    B,
    /// Mapping network and styles.
    C,
    /// No traditional input.
    D,
    /// Noise inputs.
    E,
    /// Mixing.
    F,
}

impl Architecture {
    fn from_letter(letter: &str) -> Option<Self> {
        Some(match letter {
            "a" => Self::A,
            "b" => Self::B,
            "c" => Self::C,
            "d" => Self::D,
            "e" => Self::E,
            "f" => Self::F,
            _ => return None,
        })
    }
}

impl TrainConfig {
    /// A named configuration: see [`PRESETS`].
    ///
    /// # Errors
    /// [`ConfigError::UnknownPreset`].
    pub fn preset(name: &str) -> Result<Self, ConfigError> {
        let unknown = || {
            let likeness = |known: &str| strsim::normalized_damerau_levenshtein(known, name);
            let nearest = most_like(PRESETS.map(|(name, _)| name.to_owned()), likeness);
            ConfigError::UnknownPreset { name: name.to_owned(), nearest }
        };
        if let Some(config) = stylegan2::preset(name) {
            return Ok(config);
        }
        if let Some(architecture) = Architecture::from_letter(name) {
            return Ok(match architecture {
                Architecture::A => progressive_gan(),
                other => official().with_architecture(other),
            });
        }
        for (base, config) in [("faces-32", faces_32()), ("faces-64", faces_64())] {
            match name.strip_prefix(base) {
                Some("") => return Ok(config),
                Some(rest) => {
                    let letter = rest.strip_prefix('-').and_then(Architecture::from_letter);
                    return Ok(config.with_architecture(letter.ok_or_else(unknown)?));
                }
                None => {}
            }
        }
        if name == "ffhq-1024" { Ok(ffhq_1024()) } else { Err(unknown()) }
    }

    /// This configuration with another of the paper's architectures; the last letter of the run's name follows. The data,
    /// the sizes and the schedule stay.
    pub fn with_architecture(mut self, architecture: Architecture) -> Self {
        use Architecture::{A, B, C, D, E, F};
        let g = &mut self.generator;
        g.use_styles = architecture >= C;
        g.instance_norm = architecture >= C;
        g.pixel_norm = architecture < C;
        g.const_input = architecture >= D;
        g.use_noise = architecture >= E;
        if architecture < F {
            g.mixing_probability = 0.0;
        }
        if architecture < C {
            // Without a mapping network, w is the latent, and there is nothing to truncate towards.
            g.mapping_layers = 0;
            g.w_dim = g.z_dim;
            g.truncation_psi = 1.0;
        }
        g.blur = architecture >= B;
        self.discriminator.blur = architecture >= B;
        if architecture == A {
            self.network.fused_scale = FusedScale::True;
            self.discriminator.label_head = LabelHead::AcGan;
            self.loss.generator = GeneratorLoss::Wgan;
            self.loss.discriminator = DiscriminatorLossKind::WganGp;
            self.loss.r1_gamma = 0.0;
        }
        let letter = match architecture {
            A => "a",
            B => "b",
            C => "c",
            D => "d",
            E => "e",
            F => "f",
        };
        let stem = self.run.name.strip_suffix(|c: char| c.is_ascii_lowercase());
        if let Some(stem) = stem.filter(|stem| stem.ends_with('-')) {
            self.run.name = format!("{stem}{letter}");
        }
        self
    }
}

/// The official StyleGAN, configuration F, on one GPU, with the bundled faces for data.
fn official() -> TrainConfig {
    // One GPU is in the tables.
    let schedule = ScheduleConfig::stylegan(1024, 1).unwrap_or_default();
    TrainConfig {
        run: RunSection {
            name: "faces-1024-f".to_owned(),
            seed: 1000,
            total_kimg: 25_000.0,
            image_ticks: 1,
            snapshot_ticks: 10,
            keep_snapshots: 3,
            grid: [7, 4],
            tensorboard: true,
            rollback_after: 20,
            metrics: Vec::new(),
            metric_samples: 1000,
        },
        data: DataSection {
            source: "faces:70000".to_owned(),
            labels: false,
            mirror: true,
            skip_bad: false,
            workers: 2,
        },
        network: NetworkSection {
            generation: NetworkGeneration::Stylegan,
            resolution: 1024,
            base: [4, 4],
            channels: 3,
            fmap_base: 8192,
            fmap_decay: 1.0,
            fmap_max: 512,
            structure: Structure::Growing,
            fused_scale: FusedScale::Auto,
        },
        generator: GeneratorSection {
            architecture: stylegan::Architecture::Skip,
            upscale: Upscale::default(),
            z_dim: 512,
            w_dim: 512,
            mapping_layers: 8,
            mapping_dim: 512,
            mapping_lr_multiplier: 0.01,
            labels: true,
            normalize_latents: true,
            use_styles: true,
            const_input: true,
            use_noise: true,
            pixel_norm: false,
            instance_norm: true,
            blur: true,
            training_noise: TrainingNoise::Gaussian,
            mixing_probability: 0.9,
            w_average_decay: 0.995,
            truncation_psi: 0.7,
            truncation_cutoff: 8,
        },
        discriminator: DiscriminatorSection {
            architecture: stylegan::Architecture::Resnet,
            downscale: Downscale::default(),
            blur: true,
            mbstd_group_size: 4,
            mbstd_features: 1,
            label_head: LabelHead::Switch,
            freeze_blocks: 0,
        },
        loss: LossSection {
            generator: GeneratorLoss::NonSaturating,
            discriminator: DiscriminatorLossKind::Logistic,
            gp_lambda: 10.0,
            gp_target: 1.0,
            drift: 0.001,
            class_weight: 1.0,
            class_loss: ClassLoss::Softmax,
            r1_gamma: 10.0,
            r2_gamma: 0.0,
            penalty_interval: 1,
            lazy: false,
            path_length_weight: 0.0,
            path_length_decay: 0.01,
            path_length_interval: 4,
            path_length_shrink: 2,
        },
        schedule: ScheduleSection {
            initial_resolution: schedule.initial_resolution,
            training_kimg: schedule.training_kimg,
            transition_kimg: schedule.transition_kimg,
            minibatch: schedule.minibatch,
            minibatch_repeats: 4,
            part: 0,
            parts_at_once: 1,
            tick_kimg: schedule.tick_kimg,
            minibatch_at: schedule.minibatch_at,
            part_at: ByResolution::default(),
            tick_kimg_at: schedule.tick_kimg_at,
        },
        optimizer: OptimizerSection {
            learning_rate: schedule.learning_rate,
            rampup_kimg: schedule.rampup_kimg,
            rampdown_kimg: 0.0,
            beta1: 0.0,
            beta2: 0.99,
            epsilon: 1e-8,
            noise_rate: 1.0,
            reset_at_new_lod: true,
            learning_rate_at: schedule.learning_rate_at,
        },
        augment: AugmentSection::default(),
        average: AverageSection { half_life_kimg: 10.0, rampup: 0.0, decay: 0.0 },
        precision: PrecisionSection::default(),
    }
}

/// Configuration A: Progressive GAN's own schedule and average.
fn progressive_gan() -> TrainConfig {
    let mut config = official().with_architecture(Architecture::A);
    // One GPU is in the tables.
    let schedule = ScheduleConfig::progressive_gan(1024, 1).unwrap_or_default();
    config.schedule.initial_resolution = schedule.initial_resolution;
    config.optimizer.learning_rate_at = schedule.learning_rate_at;
    config.run.total_kimg = 12_000.0;
    config.average.decay = 0.999;
    config
}

/// The official training script as it stands: FFHQ on eight GPUs.
fn ffhq_1024() -> TrainConfig {
    let mut config = official();
    // Eight GPUs are in the tables.
    let schedule = ScheduleConfig::stylegan(1024, 8).unwrap_or_default();
    config.run.name = "ffhq-1024-f".to_owned();
    config.data.source = "ffhq".to_owned();
    config.schedule.minibatch = schedule.minibatch;
    config.schedule.minibatch_at = schedule.minibatch_at;
    // What one of the eight had: the minibatch standard deviation sees as many images.
    config.schedule.part = 4;
    config.schedule.part_at = [(4, 64), (8, 32), (16, 16), (32, 8)].into();
    config
}

/// StyleGAN: cartoon faces within minutes on two cores. What differs from the official numbers is what a run of few
/// steps needs: small batches and so more steps, a mapping network that learns (two layers, as one of the paper's table 4, at a
/// tenth of the learning rate instead of a hundredth), noise that does not run ahead, an average of a short half-life, R1 in
/// every fourth step.
///
/// The networks are told the faces' 18 attributes. Without them so short a run ends with one face in many colours: the first
/// thing a discriminator learns of a face is its outline, and a generator has little reason yet to put glasses on some of them. Growth
/// in two steps of 8 thousand images keeps the faces apart; started at 32x32 they become one. With 16 feature maps at 32x32 instead
/// of 32 the eyes become a texture; the learning rate there is lower, and falls at the end.
fn faces_32() -> TrainConfig {
    let mut config = official();
    config.run.name = "faces-32-f".to_owned();
    config.run.seed = 0;
    config.run.total_kimg = 90.0;
    config.run.grid = [12, 8];
    config.run.snapshot_ticks = 4;
    config.data.source = "faces:10000".to_owned();
    config.data.labels = true;
    config.network.resolution = 32;
    config.network.fmap_base = 512;
    config.network.fmap_max = 64;
    config.generator.z_dim = 128;
    config.generator.w_dim = 128;
    config.generator.mapping_dim = 128;
    config.generator.mapping_layers = 2;
    config.generator.mapping_lr_multiplier = 0.1;
    // For an AC-GAN head, if one is asked for: attributes are not classes.
    config.loss.class_loss = ClassLoss::Sigmoid;
    config.loss.r1_gamma = 1.5;
    config.loss.penalty_interval = 4;
    config.schedule.training_kimg = 10.0;
    config.schedule.transition_kimg = 8.0;
    config.schedule.minibatch = 8;
    config.schedule.minibatch_at = ByResolution::default();
    config.schedule.part = 4;
    config.schedule.parts_at_once = 2;
    config.schedule.tick_kimg = 5.0;
    config.schedule.tick_kimg_at = ByResolution::default();
    config.optimizer.learning_rate = 0.002;
    config.optimizer.learning_rate_at = [(32, 0.0015)].into();
    config.optimizer.rampdown_kimg = 12.0;
    config.optimizer.reset_at_new_lod = false;
    config.optimizer.noise_rate = 0.05;
    config.average.half_life_kimg = 3.0;
    config
}

/// The faces at twice the size.
fn faces_64() -> TrainConfig {
    let mut config = faces_32();
    config.run.name = "faces-64-f".to_owned();
    config.run.total_kimg = 1200.0;
    config.run.grid = [10, 6];
    config.network.resolution = 64;
    config.network.fmap_base = 2048;
    config.network.fmap_max = 128;
    config.generator.z_dim = 256;
    config.generator.w_dim = 256;
    config.generator.mapping_dim = 256;
    config.generator.mapping_layers = 8;
    config.generator.mapping_lr_multiplier = 0.01;
    config.optimizer.noise_rate = 1.0;
    config.optimizer.learning_rate_at = ByResolution::default();
    config.optimizer.rampdown_kimg = 0.0;
    config.optimizer.reset_at_new_lod = true;
    config.loss.r1_gamma = 2.0;
    config.schedule.minibatch = 16;
    config.schedule.part = 8;
    config.schedule.training_kimg = 60.0;
    config.schedule.transition_kimg = 60.0;
    config.schedule.tick_kimg = 20.0;
    config.average.half_life_kimg = 10.0;
    config
}
