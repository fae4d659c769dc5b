//! The sections of a configuration file, and what their keys mean. The name in italics is the official code's.

use serde::{Deserialize, Serialize};
use stylegan::{Architecture, Downscale, FusedScale, LabelHead, NoiseKind, Structure, Upscale};
use stylegan_losses::{ClassLoss, GeneratorLoss};
use stylegan_progressive::ByResolution;

/// `[run]`: the run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSection {
    /// Name of the run directory, after its number.
    pub name: String,
    /// Seed of the initial weights, the order of the images, the latents and the noise.
    pub seed: u64,
    /// Thousands of real images to be seen, *total_kimg*.
    pub total_kimg: f64,
    /// Ticks between two grids of generated images, *image_snapshot_ticks*.
    pub image_ticks: u64,
    /// Ticks between two snapshots, *network_snapshot_ticks*.
    pub snapshot_ticks: u64,
    /// Newest snapshots to keep; 0 keeps all.
    pub keep_snapshots: usize,
    /// Columns and rows of the grids.
    pub grid: [usize; 2],
    /// Whether event files for TensorBoard are written.
    pub tensorboard: bool,
    /// After so many steps in a row with a gradient that is not finite, training goes back to the last snapshot.
    pub rollback_after: usize,
    /// Metrics of snapshots, each with the thousands of images between two measurements: `ppl_w@100`.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Samples of such a measurement; 0 takes the protocol's own number.
    #[serde(default)]
    pub metric_samples: usize,
}

/// `[data]`: the images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// A folder of images, or the bundled faces: `faces:COUNT`.
    pub source: String,
    /// Whether labels are used: a class per sub-folder, or the faces' attributes.
    pub labels: bool,
    /// Whether images are mirrored at random, *mirror_augment*.
    pub mirror: bool,
    /// Whether images that cannot be read are left out (and counted) rather than an error.
    pub skip_bad: bool,
    /// Threads that prepare images; they do not change what is prepared.
    pub workers: usize,
}

/// `[network]`: what both networks share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSection {
    /// Which of the papers' networks. StyleGAN2's do not grow, and of the switches for styles, input, norms, blur and fused scale
    /// only `generator.use_noise` holds for them.
    pub generation: NetworkGeneration,
    /// Resolution, a power of two from 8 to 1024; of the height, for square images.
    pub resolution: usize,
    /// Height and width of the smallest block; images are `base * resolution / 4`.
    pub base: [usize; 2],
    /// Grey 1, RGB 3, RGBA 4.
    pub channels: usize,
    /// Feature maps: `min(fmap_base / 2^(stage * fmap_decay), fmap_max)`, stage 1 being 4x4.
    pub fmap_base: usize,
    /// See `fmap_base`.
    pub fmap_decay: f64,
    /// See `fmap_base`.
    pub fmap_max: usize,
    /// Whether the networks grow with the schedule, or are trained whole.
    pub structure: Structure,
    /// When up- and downscaling is fused with its convolution.
    pub fused_scale: FusedScale,
}

impl NetworkSection {
    /// Whether the networks are StyleGAN2's.
    pub fn is_stylegan2(&self) -> bool {
        self.generation == NetworkGeneration::Stylegan2
    }
}

/// Which of the papers' networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkGeneration {
    /// Progressive GAN and StyleGAN.
    Stylegan,
    /// StyleGAN2.
    Stylegan2,
}

/// `[generator]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSection {
    /// How the blocks of a StyleGAN2 generator are joined.
    pub architecture: Architecture,
    /// Where a StyleGAN2 generator doubles the size of its maps: `in_convolution` is the official way, `before_convolution` has no rim
    /// of zeros.
    #[serde(default)]
    pub upscale: Upscale,
    /// Components of the latent z, *latent_size*.
    pub z_dim: usize,
    /// Components of the intermediate latent w, *dlatent_size*.
    pub w_dim: usize,
    /// Layers of the mapping network.
    pub mapping_layers: usize,
    /// Features of its hidden layers, *mapping_fmaps*.
    pub mapping_dim: usize,
    /// Its learning-rate multiplier, *mapping_lrmul*.
    pub mapping_lr_multiplier: f64,
    /// Whether it is told the labels that `data.labels` asks for. Without them, an AC-GAN head learns to guess the labels of real images
    /// alone: the discriminator knows what to look at, and the generator stays unconditional.
    pub labels: bool,
    /// Whether latents are normalised.
    pub normalize_latents: bool,
    /// Style modulation (configurations C to F).
    pub use_styles: bool,
    /// A learned constant as input (D to F).
    pub const_input: bool,
    /// Noise inputs (E, F).
    pub use_noise: bool,
    /// Pixel norm (A, B).
    pub pixel_norm: bool,
    /// Instance norm (C to F).
    pub instance_norm: bool,
    /// Blur after upscaling (B to F).
    pub blur: bool,
    /// What the noise inputs get in training.
    pub training_noise: TrainingNoise,
    /// Probability of style mixing (F), *style_mixing_prob*.
    pub mixing_probability: f64,
    /// Decay of the average of w, a batch, *dlatent_avg_beta*.
    pub w_average_decay: f64,
    /// Truncation of the images shown; 1 is none.
    pub truncation_psi: f64,
    /// Layers that are truncated.
    pub truncation_cutoff: usize,
}

/// `[discriminator]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorSection {
    /// How the blocks of a StyleGAN2 discriminator are joined.
    pub architecture: Architecture,
    /// Where it halves the size of its maps: `in_convolution` is the official way, `after_activation` learns from fewer images.
    #[serde(default)]
    pub downscale: Downscale,
    /// Blur before downscaling (B to F).
    pub blur: bool,
    /// Group of the minibatch standard deviation; 0 or 1 for none.
    pub mbstd_group_size: usize,
    /// Its number of feature maps.
    pub mbstd_features: usize,
    /// What is done with labels: `switch` is the official way of both generations, `ac_gan` Progressive GAN's, and `projection` learns
    /// attributes from fewer images.
    pub label_head: LabelHead,
    /// Blocks whose weights stay as they are, counted from the full resolution, *freezed*: for training that begins with another model.
    pub freeze_blocks: usize,
}

/// `[loss]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSection {
    /// The generator's.
    pub generator: GeneratorLoss,
    /// The discriminator's.
    pub discriminator: DiscriminatorLossKind,
    /// Weight of the gradient penalty of `wgan_gp` and `hinge_gp`, *wgan_lambda*.
    pub gp_lambda: f64,
    /// Its target, *wgan_target*.
    pub gp_target: f64,
    /// Weight of squared real scores in `wgan` and `wgan_gp`, *wgan_epsilon*.
    pub drift: f64,
    /// Weight of an AC-GAN head's loss of labels, *cond_weight*. Not looked at with other heads.
    pub class_weight: f64,
    /// Its kind: `softmax` for classes, of which an image has one, `sigmoid` for attributes.
    pub class_loss: ClassLoss,
    /// Weight of the gradient penalty at real images, any loss.
    pub r1_gamma: f64,
    /// Weight of the gradient penalty at generated images, any loss.
    pub r2_gamma: f64,
    /// R1 and R2 are computed every so many steps, and weighted as much more; 1 is StyleGAN's way.
    pub penalty_interval: u64,
    /// Whether R1, R2 and path length take optimizer steps of their own, for which Adam's learning rate and decays are corrected:
    /// StyleGAN2's lazy regularisation. Otherwise R1 and R2 are part of the discriminator's step.
    pub lazy: bool,
    /// Weight of path length regularisation, *pl_weight*; StyleGAN2's generators only. 0 for none.
    pub path_length_weight: f64,
    /// How far its running mean moves a time, *pl_decay*.
    pub path_length_decay: f64,
    /// It is computed every so many steps, and weighted as much more, *G_reg_interval*.
    pub path_length_interval: u64,
    /// Of a batch's images, one in so many is enough for it, *pl_batch_shrink*.
    pub path_length_shrink: usize,
}

/// The discriminator's losses; their numbers are keys of `[loss]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscriminatorLossKind {
    /// Wasserstein, with drift.
    Wgan,
    /// Wasserstein with gradient penalty and drift.
    WganGp,
    /// Softplus.
    Logistic,
    /// Hinge.
    Hinge,
    /// Hinge with gradient penalty.
    HingeGp,
    /// Softplus of each generated image's score less a real one's.
    Relativistic,
}

/// `[schedule]`: what changes with the images seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSection {
    /// Resolution at which training starts, *lod_initial_resolution*.
    pub initial_resolution: usize,
    /// Thousands of images at a resolution before the next is faded in, *lod_training_kimg*.
    pub training_kimg: f64,
    /// Thousands of images of a fade, *lod_transition_kimg*.
    pub transition_kimg: f64,
    /// Images a batch, *minibatch_base*.
    pub minibatch: usize,
    /// Steps between two looks at the schedule, *minibatch_repeats*.
    pub minibatch_repeats: usize,
    /// Images computed at a time: larger batches are computed in parts, and their gradients accumulated. 0: no limit.
    pub part: usize,
    /// How many parts are computed side by side. It changes time and memory only, never the result: small networks keep
    /// more cores busy so.
    pub parts_at_once: usize,
    /// Thousands of images a tick, *tick_kimg_base*.
    pub tick_kimg: f64,
    /// `minibatch` at some resolutions, *minibatch_dict*.
    pub minibatch_at: ByResolution<usize>,
    /// `part` at some resolutions.
    pub part_at: ByResolution<usize>,
    /// `tick_kimg` at some resolutions, *tick_kimg_dict*.
    pub tick_kimg_at: ByResolution<f64>,
}

/// `[optimizer]`: Adam, for both networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSection {
    /// Learning rate, *lrate_base*.
    pub learning_rate: f64,
    /// Thousands of images over which it rises, *lrate_rampup_kimg*.
    pub rampup_kimg: f64,
    /// Thousands of images at the end of the run over which it falls to 0; 0 for a rate that stays.
    pub rampdown_kimg: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Factor on the learning rate of noise strengths; 1 is the official way.
    pub noise_rate: f64,
    /// Whether its state is forgotten when a fade begins or ends, *reset_opt_for_new_lod*.
    pub reset_at_new_lod: bool,
    /// `learning_rate` at some resolutions, *lrate_dict*.
    pub learning_rate_at: ByResolution<f64>,
}

/// `[average]`: the moving average of the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AverageSection {
    /// Half-life in thousands of images, *G_smoothing_kimg*.
    pub half_life_kimg: f64,
    /// The half-life is never longer than this share of the images seen, *ema_rampup*; 0 for no such limit.
    pub rampup: f64,
    /// Decay a batch instead, as in Progressive GAN (0.999); 0 goes by `half_life_kimg`.
    pub decay: f64,
}

/// What the noise inputs get in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainingNoise {
    /// The network's constant maps.
    Const,
    /// Fresh normal noise, as in the paper.
    Gaussian,
    /// Fresh uniform noise.
    Uniform,
    /// Fresh black and white dots.
    SaltAndPepper,
    /// Fresh Perlin noise.
    Perlin,
    /// Fresh simplex noise.
    Simplex,
    /// Fresh sums of Perlin noise at several scales.
    Octaves,
}

impl TrainingNoise {
    /// The kind of fresh noise, or none for the constant maps.
    pub fn kind(self) -> Option<NoiseKind> {
        Some(match self {
            Self::Const => return None,
            Self::Gaussian => NoiseKind::Gaussian,
            Self::Uniform => NoiseKind::Uniform,
            Self::SaltAndPepper => NoiseKind::SaltAndPepper,
            Self::Perlin => NoiseKind::Perlin,
            Self::Simplex => NoiseKind::Simplex,
            Self::Octaves => NoiseKind::Octaves,
        })
    }
}
