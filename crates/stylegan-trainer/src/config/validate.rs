//! Checking a configuration as a whole.

use stylegan::{LabelHead, Structure};

use super::{AugmentMode, ConfigError, DiscriminatorLossKind, TrainConfig};

impl TrainConfig {
    /// Checks every value, and that they fit together. To be called once, when all layers are laid.
    ///
    /// # Errors
    /// The first problem, naming its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_networks()?;
        self.validate_precision()?;
        self.validate_training()?;
        let schedule = self.schedule()?;
        for (_, state) in schedule.phases() {
            let parts = self.parts(state.resolution, state.minibatch);
            if let Some(part) = self.part_without_groups(&parts) {
                let problem = format!(
                    "gives {part} images at a time at {}, which is no multiple of \
                     discriminator.mbstd_group_size {}",
                    state.resolution,
                    self.discriminator.mbstd_group_size.min(part)
                );
                return Err(ConfigError::Invalid { key: "schedule.minibatch", problem });
            }
        }
        Ok(())
    }

    fn validate_networks(&self) -> Result<(), ConfigError> {
        let generator = self.generator_config(0);
        // The resolution and the base; both networks have the same.
        generator
            .synthesis
            .pyramid()
            .map_err(|error| invalid("network.resolution", error.to_string()))?;
        generator.mapping.validate().map_err(|error| invalid("generator", error.to_string()))?;
        let n = &self.network;
        if ![1, 3, 4].contains(&n.channels) {
            return Err(invalid("network.channels", format!("is {}, not 1, 3 or 4", n.channels)));
        }
        if n.base.iter().any(|&side| side > 64) {
            return Err(invalid("network.base", "has a side above 64".to_owned()));
        }
        at_least_one("network.fmap_max", n.fmap_max)?;
        positive("network.fmap_decay", n.fmap_decay)?;
        let maps = generator.synthesis.feature_maps();
        let finest = n.resolution.ilog2() as usize - 1;
        if maps.of_stage(finest) == 0 {
            let problem = format!("leaves no feature map at {0}x{0}", n.resolution);
            return Err(invalid("network.fmap_base", problem));
        }
        let (freeze, blocks) =
            (self.discriminator.freeze_blocks, n.resolution.ilog2() as usize - 1);
        if freeze >= blocks {
            let problem = format!("is {freeze}; of {blocks} blocks, at least one must learn");
            return Err(invalid("discriminator.freeze_blocks", problem));
        }
        at_least_one("discriminator.mbstd_features", self.discriminator.mbstd_features)?;
        for stage in [0, 1] {
            let width = maps.of_stage(stage);
            let features = self.discriminator.mbstd_features;
            if stage == 1 && !width.is_multiple_of(features) {
                let problem = format!("is {features}, which does not divide {width} maps");
                return Err(invalid("discriminator.mbstd_features", problem));
            }
        }
        if n.is_stylegan2() && n.structure != Structure::Fixed {
            let problem = "must be \"fixed\": StyleGAN2's networks do not grow".to_owned();
            return Err(invalid("network.structure", problem));
        }
        let heads = (self.discriminator.label_head, n.is_stylegan2(), self.data.labels);
        if heads == (LabelHead::AcGan, true, true) {
            let problem = "must be \"switch\" or \"projection\": StyleGAN2's discriminator has no AC-GAN head";
            return Err(invalid("discriminator.label_head", problem.to_owned()));
        }
        let relativistic = self.loss.generator.looks_at_reals();
        if relativistic != (self.loss.discriminator == DiscriminatorLossKind::Relativistic) {
            let problem = "must be \"relativistic\" for both networks or for neither".to_owned();
            return Err(invalid("loss.generator", problem));
        }
        if relativistic && self.augment.mode == AugmentMode::Ada {
            let problem = "must not be \"ada\": it follows the sign of real scores, which a relativistic loss leaves free";
            return Err(invalid("augment.mode", problem.to_owned()));
        }
        let g = &self.generator;
        let ac_gan = self.discriminator.label_head == LabelHead::AcGan && !n.is_stylegan2();
        if self.data.labels && !g.labels && !ac_gan {
            let problem = "must be true: only StyleGAN's discriminator with label_head = \"ac_gan\" can \
                           judge images without being told their labels";
            return Err(invalid("generator.labels", problem.to_owned()));
        }
        between("generator.mixing_probability", g.mixing_probability, 0.0, 1.0)?;
        between("generator.w_average_decay", g.w_average_decay, 0.0, 1.0)?;
        between("generator.truncation_psi", g.truncation_psi, -10.0, 10.0)
    }

    fn validate_training(&self) -> Result<(), ConfigError> {
        let (l, o, r) = (&self.loss, &self.optimizer, &self.run);
        for (key, weight) in [
            ("loss.gp_lambda", l.gp_lambda),
            ("loss.drift", l.drift),
            ("loss.class_weight", l.class_weight),
            ("loss.r1_gamma", l.r1_gamma),
            ("loss.r2_gamma", l.r2_gamma),
            ("loss.path_length_weight", l.path_length_weight),
            ("average.half_life_kimg", self.average.half_life_kimg),
            ("average.rampup", self.average.rampup),
            ("optimizer.rampdown_kimg", o.rampdown_kimg),
        ] {
            between(key, weight, 0.0, f64::MAX)?;
        }
        positive("loss.gp_target", l.gp_target)?;
        at_least_one("loss.penalty_interval", l.penalty_interval as usize)?;
        at_least_one("loss.path_length_interval", l.path_length_interval as usize)?;
        at_least_one("loss.path_length_shrink", l.path_length_shrink)?;
        between("loss.path_length_decay", l.path_length_decay, 0.0, 1.0)?;
        if l.path_length_weight > 0.0 && !self.network.is_stylegan2() {
            let problem = "must be 0: only StyleGAN2's generator has path length regularisation";
            return Err(invalid("loss.path_length_weight", problem.to_owned()));
        }
        for (key, decay) in [
            ("optimizer.beta1", o.beta1),
            ("optimizer.beta2", o.beta2),
            ("average.decay", self.average.decay),
        ] {
            if !(0.0..1.0).contains(&decay) {
                return Err(invalid(key, format!("is {decay}; it must be from 0 to below 1")));
            }
        }
        let a = &self.augment;
        between("augment.p", a.p, 0.0, 1.0)?;
        between("augment.target", a.target, -1.0, 1.0)?;
        at_least_one("augment.interval", a.interval as usize)?;
        positive("augment.speed_kimg", a.speed_kimg)?;
        positive("optimizer.epsilon", o.epsilon)?;
        positive("optimizer.noise_rate", o.noise_rate)?;
        positive("run.total_kimg", r.total_kimg)?;
        let name_is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if r.name.is_empty() || !r.name.chars().all(name_is_plain) {
            let problem = format!("is {:?}; use letters, digits, `-`, `_` and `.`", r.name);
            return Err(invalid("run.name", problem));
        }
        at_least_one("run.image_ticks", r.image_ticks as usize)?;
        at_least_one("run.snapshot_ticks", r.snapshot_ticks as usize)?;
        at_least_one("run.grid", r.grid[0].min(r.grid[1]))?;
        at_least_one("run.rollback_after", r.rollback_after)?;
        at_least_one("schedule.minibatch_repeats", self.schedule.minibatch_repeats)?;
        at_least_one("schedule.parts_at_once", self.schedule.parts_at_once)?;
        at_least_one("data.workers", self.data.workers)?;
        if self.data.source.is_empty() {
            return Err(invalid("data.source", "is empty".to_owned()));
        }
        Ok(())
    }

    /// Checks that so many ranks can share every batch of the schedule evenly.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], which names `schedule.minibatch`.
    pub fn validate_ranks(&self, ranks: usize) -> Result<(), ConfigError> {
        let invalid = |problem| Err(invalid("schedule.minibatch", problem));
        for (_, state) in self.schedule()?.phases() {
            let (minibatch, resolution) = (state.minibatch, state.resolution);
            if !minibatch.is_multiple_of(ranks) {
                return invalid(format!(
                    "gives {minibatch} images a batch at {resolution}, which {ranks} ranks cannot share evenly"
                ));
            }
            if let Some(part) = self.part_without_groups(&self.parts(resolution, minibatch / ranks))
            {
                return invalid(format!(
                    "gives each of {ranks} ranks {part} images at a time at {resolution}, which is no multiple of \
                     discriminator.mbstd_group_size {}",
                    self.discriminator.mbstd_group_size.min(part)
                ));
            }
        }
        Ok(())
    }
}

fn invalid(key: &'static str, problem: String) -> ConfigError {
    ConfigError::Invalid { key, problem }
}

fn at_least_one(key: &'static str, value: usize) -> Result<(), ConfigError> {
    if value > 0 { Ok(()) } else { Err(invalid(key, "must be at least 1".to_owned())) }
}

fn positive(key: &'static str, value: f64) -> Result<(), ConfigError> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(invalid(key, format!("is {value}; it must be above 0")))
    }
}

fn between(key: &'static str, value: f64, from: f64, to: f64) -> Result<(), ConfigError> {
    if (from..=to).contains(&value) {
        Ok(())
    } else if to == f64::MAX {
        Err(invalid(key, format!("is {value}; it must be {from} or more")))
    } else {
        Err(invalid(key, format!("is {value}; it must be from {from} to {to}")))
    }
}
