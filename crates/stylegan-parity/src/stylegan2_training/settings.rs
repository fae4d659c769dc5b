//! A case's numbers as a configuration of the trainer.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stylegan_trainer::config::{TrainConfig, TrainingNoise};

use crate::generator::size;
use crate::stylegan2::{discriminator_config, generator_config};
use crate::training::number;

/// What a run of the case is configured with.
pub struct Settings {
    /// The trainer's configuration.
    pub config: TrainConfig,
    /// Steps of the run.
    pub steps: usize,
    /// Components of a label; 0 for none.
    pub label_dim: usize,
    /// The classes of each step's images.
    pub classes: Vec<Vec<usize>>,
}

impl Settings {
    /// That of a case's `config`.
    pub fn of(case: &Value) -> Result<Self> {
        let generator = generator_config(&with_naming(&case["generator"], case))?;
        let discriminator = discriminator_config(&case["discriminator"])?;
        let (steps, batch) = (size(case, "steps")?, size(case, "batch")?);
        let label_dim = discriminator.label_dim;
        let mut config = TrainConfig::preset("config-e")?;

        config.run.name = "golden".to_owned();
        config.run.seed = size(case, "seed")? as u64;
        config.run.total_kimg = (steps * batch) as f64 / 1000.0;
        config.run.grid = [1, 1];
        config.run.tensorboard = false;
        config.data.mirror = false;
        config.data.labels = label_dim > 0;

        config.network.resolution = generator.synthesis.resolution;
        config.network.fmap_base = generator.synthesis.fmap_base;
        config.network.fmap_max = generator.synthesis.fmap_max;
        let g = &mut config.generator;
        g.architecture = generator.synthesis.stylegan2.context("no architecture")?;
        g.upscale = generator.synthesis.upscale;
        g.z_dim = generator.mapping.z_dim;
        g.w_dim = generator.mapping.w_dim;
        g.mapping_dim = generator.mapping.hidden_dim;
        g.mapping_layers = generator.mapping.layers;
        g.labels = generator.mapping.label_dim > 0;
        g.training_noise = match case["noise"].as_str() {
            Some("const") => TrainingNoise::Const,
            Some("gaussian") => TrainingNoise::Gaussian,
            other => anyhow::bail!("unknown noise {other:?}"),
        };
        g.mixing_probability = number(case, "style_mixing_prob")?;
        g.w_average_decay = number(case, "w_avg_beta")?;
        let d = &mut config.discriminator;
        d.architecture = discriminator.stylegan2.context("no architecture")?;
        d.downscale = discriminator.downscale;
        d.mbstd_group_size = discriminator.mbstd_group_size;

        let l = &mut config.loss;
        l.r1_gamma = number(case, "r1_gamma")?;
        l.penalty_interval = size(case, "r1_interval")? as u64;
        l.path_length_weight = number(case, "pl_weight")?;
        l.path_length_decay = number(case, "pl_decay")?;
        l.path_length_interval = size(case, "pl_interval")? as u64;
        l.path_length_shrink = size(case, "pl_batch_shrink")?;

        config.schedule.minibatch = batch;
        config.schedule.part = size(case, "part")?;
        let o = &mut config.optimizer;
        o.learning_rate = number(case, "learning_rate")?;
        o.beta1 = number(&case["adam"], "beta1")?;
        o.beta2 = number(&case["adam"], "beta2")?;
        o.epsilon = number(&case["adam"], "eps")?;
        config.average.half_life_kimg = number(case, "ema_half_life_images")? / 1000.0;
        config.average.rampup = number(case, "ema_rampup")?;

        // What the networks are configured with in the end.
        ensure!(config.generator_config(label_dim) == generator, "another generator");
        ensure!(config.discriminator_config(label_dim) == discriminator, "another discriminator");
        Ok(Self { config, steps, label_dim, classes: classes(case)? })
    }
}

/// The names are those of the whole case.
fn with_naming(network: &Value, case: &Value) -> Value {
    let mut network = network.clone();
    network["naming"] = case["naming"].clone();
    network
}

fn classes(case: &Value) -> Result<Vec<Vec<usize>>> {
    match case.get("classes") {
        Some(classes) => Ok(serde_json::from_value(classes.clone())?),
        None => Ok(Vec::new()),
    }
}
