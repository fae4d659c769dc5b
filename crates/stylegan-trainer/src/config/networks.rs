//! What the parts of a run are configured with.

use stylegan::{DiscriminatorConfig, GeneratorConfig, MappingConfig, SynthesisConfig};
use stylegan_losses::{DiscriminatorLoss, PathLength};
use stylegan_progressive::{Schedule, ScheduleConfig};

use super::{AverageSection, ConfigError, DiscriminatorLossKind, TrainConfig};
use crate::average;
use crate::draws::Half;
use crate::optimizer::AdamConfig;
use crate::step::ClassTerm;
use stylegan::Structure;

impl TrainConfig {
    /// Height and width of the images at full resolution.
    pub fn image_size(&self) -> (usize, usize) {
        let scale = self.network.resolution / 4;
        (self.network.base[0] * scale, self.network.base[1] * scale)
    }

    /// The generator, for labels of `label_dim` components (0 for none), where it is told them.
    pub fn generator_config(&self, label_dim: usize) -> GeneratorConfig {
        let (n, g) = (&self.network, &self.generator);
        GeneratorConfig {
            mapping: MappingConfig {
                z_dim: g.z_dim,
                w_dim: g.w_dim,
                hidden_dim: g.mapping_dim,
                layers: g.mapping_layers,
                lr_multiplier: g.mapping_lr_multiplier,
                label_dim: if g.labels { label_dim } else { 0 },
                normalize_latents: g.normalize_latents,
                stylegan2: n.is_stylegan2(),
            },
            synthesis: SynthesisConfig {
                resolution: n.resolution,
                base: n.base,
                channels: n.channels,
                w_dim: g.w_dim,
                fmap_base: n.fmap_base,
                fmap_decay: n.fmap_decay,
                fmap_max: n.fmap_max,
                use_styles: g.use_styles,
                const_input: g.const_input,
                use_noise: g.use_noise,
                pixel_norm: g.pixel_norm,
                instance_norm: g.instance_norm,
                blur: g.blur,
                fused_scale: n.fused_scale,
                structure: n.structure,
                stylegan2: n.is_stylegan2().then_some(g.architecture),
                upscale: g.upscale,
                // What other ports do differently.
                ..SynthesisConfig::default()
            },
        }
    }

    /// The discriminator, for labels of `label_dim` components (0 for none).
    pub fn discriminator_config(&self, label_dim: usize) -> DiscriminatorConfig {
        let (n, d) = (&self.network, &self.discriminator);
        DiscriminatorConfig {
            resolution: n.resolution,
            base: n.base,
            channels: n.channels,
            label_dim,
            label_head: d.label_head,
            fmap_base: n.fmap_base,
            fmap_decay: n.fmap_decay,
            fmap_max: n.fmap_max,
            blur: d.blur,
            downscale: d.downscale,
            mbstd_group_size: d.mbstd_group_size,
            mbstd_features: d.mbstd_features,
            structure: n.structure,
            stylegan2: n.is_stylegan2().then_some(d.architecture),
        }
    }

    /// Whether a parameter of the discriminator stays as it is.
    pub fn is_frozen(&self, name: &str) -> bool {
        (0..self.discriminator.freeze_blocks)
            .any(|block| name.starts_with(&format!("b{}.", self.network.resolution >> block)))
    }

    /// The schedule.
    ///
    /// # Errors
    /// [`ConfigError::Schedule`].
    pub fn schedule(&self) -> Result<Schedule, ConfigError> {
        let (s, o) = (&self.schedule, &self.optimizer);
        Ok(Schedule::new(ScheduleConfig {
            resolution: self.network.resolution,
            growing: self.network.structure == Structure::Growing,
            initial_resolution: s.initial_resolution,
            training_kimg: s.training_kimg,
            transition_kimg: s.transition_kimg,
            minibatch: s.minibatch,
            minibatch_at: s.minibatch_at.clone(),
            learning_rate: o.learning_rate,
            learning_rate_at: o.learning_rate_at.clone(),
            rampup_kimg: o.rampup_kimg,
            tick_kimg: s.tick_kimg,
            tick_kimg_at: s.tick_kimg_at.clone(),
        })?)
    }

    /// The sizes of the parts in which a batch of `minibatch` images is computed at a resolution.
    pub fn parts(&self, resolution: usize, minibatch: usize) -> Vec<usize> {
        in_parts(minibatch, self.schedule.part_at.get_or(resolution, self.schedule.part))
    }

    /// The configuration of what one of several ranks computes: its shares of the batches.
    pub(crate) fn of_one_rank(&self, ranks: usize) -> Self {
        let mut own = self.clone();
        own.schedule.minibatch /= ranks;
        for (resolution, minibatch) in self.schedule.minibatch_at.iter() {
            own.schedule.minibatch_at.insert(resolution, minibatch / ranks);
        }
        own
    }

    /// The number of images in a part that is no multiple of the groups of the minibatch standard deviation, if there is one.
    pub(crate) fn part_without_groups(&self, parts: &[usize]) -> Option<usize> {
        let broken = |part: &usize| {
            let group = self.discriminator.mbstd_group_size.clamp(1, *part);
            !part.is_multiple_of(group)
        };
        parts.iter().copied().find(broken)
    }

    /// What the learning rate is multiplied by after `images` real images: falls from 1 to 0 over the last
    /// `optimizer.rampdown_kimg` of the run.
    pub fn rampdown(&self, images: u64) -> f64 {
        let span = self.optimizer.rampdown_kimg * 1000.0;
        let left = self.total_images().saturating_sub(images) as f64;
        if span > left { left / span } else { 1.0 }
    }

    /// The discriminator's loss.
    pub fn discriminator_loss(&self) -> DiscriminatorLoss {
        let (lambda, target) = (self.loss.gp_lambda, self.loss.gp_target);
        let drift = self.loss.drift;
        match self.loss.discriminator {
            DiscriminatorLossKind::Wgan => DiscriminatorLoss::Wgan { drift },
            DiscriminatorLossKind::WganGp => DiscriminatorLoss::WganGp { lambda, target, drift },
            DiscriminatorLossKind::Logistic => DiscriminatorLoss::Logistic,
            DiscriminatorLossKind::Hinge => DiscriminatorLoss::Hinge,
            DiscriminatorLossKind::Relativistic => DiscriminatorLoss::Relativistic,
            DiscriminatorLossKind::HingeGp => DiscriminatorLoss::HingeGp { lambda, target },
        }
    }

    /// An AC-GAN head's loss of labels.
    pub fn class_term(&self) -> ClassTerm {
        ClassTerm { loss: self.loss.class_loss, weight: self.loss.class_weight }
    }

    /// The weights of R1 and R2 in a step: 0 between the steps that have them, and multiplied by the interval in those.
    pub fn penalties(&self, step: u64) -> (f64, f64) {
        let interval = self.loss.penalty_interval.max(1);
        let weight = if step.is_multiple_of(interval) { interval as f64 } else { 0.0 };
        (self.loss.r1_gamma * weight, self.loss.r2_gamma * weight)
    }

    /// Path length regularisation in a step: none between the steps that have it, and weighted with the interval in those.
    pub fn path_length(&self, step: u64) -> Option<PathLength> {
        let interval = self.loss.path_length_interval.max(1);
        let weight = self.loss.path_length_weight * interval as f64;
        (weight > 0.0 && step.is_multiple_of(interval))
            .then_some(PathLength { weight, decay: self.loss.path_length_decay })
    }

    /// Adam's numbers for one of the networks: with lazy regularisation, decays to the power of [`Self::lazy_correction`].
    pub fn adam(&self, half: Half) -> AdamConfig {
        let (o, correction) = (&self.optimizer, self.lazy_correction(half));
        AdamConfig {
            beta1: o.beta1.powf(correction),
            beta2: o.beta2.powf(correction),
            epsilon: o.epsilon,
            noise_rate: o.noise_rate,
        }
    }

    /// `k / (k + 1)` where every k-th step is followed by one of regularisation, 1 where none is: what Adam's learning rate is
    /// multiplied with, so that as much is learnt from as many images (Karras et al. 2020, appendix B).
    pub fn lazy_correction(&self, half: Half) -> f64 {
        let l = &self.loss;
        let interval = match half {
            Half::Discriminator if l.lazy && (l.r1_gamma > 0.0 || l.r2_gamma > 0.0) => {
                l.penalty_interval
            }
            Half::Generator if l.path_length_weight > 0.0 => l.path_length_interval,
            _ => return 1.0,
        };
        let interval = interval.max(1) as f64;
        interval / (interval + 1.0)
    }

    /// The weight that the moving average keeps after a batch, when `images` real images have been seen.
    pub fn average_decay(&self, minibatch: usize, images: u64) -> f64 {
        let AverageSection { half_life_kimg, rampup, decay } = self.average;
        if decay > 0.0 {
            return decay;
        }
        let limit = if rampup > 0.0 { images as f64 / 1000.0 * rampup } else { f64::MAX };
        average::decay(minibatch, half_life_kimg.min(limit))
    }

    /// Real images to be seen in all.
    pub fn total_images(&self) -> u64 {
        (self.run.total_kimg * 1000.0).round() as u64
    }
}

/// `minibatch` images in parts of at most `limit`; 0 is no limit.
pub(crate) fn in_parts(minibatch: usize, limit: usize) -> Vec<usize> {
    if limit == 0 || limit >= minibatch {
        return vec![minibatch];
    }
    let mut parts = vec![limit; minibatch / limit];
    parts.extend((!minibatch.is_multiple_of(limit)).then_some(minibatch % limit));
    parts
}
