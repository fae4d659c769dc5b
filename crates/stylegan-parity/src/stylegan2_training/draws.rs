//! The random numbers of a run.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use candle_core::{DType, Tensor};
use stylegan::{Noise, NoiseKind};
use stylegan_testkit::golden::Case;
use stylegan_trainer::{Draws, Half};

use super::settings::Settings;

/// What the steps of a case of whole StyleGAN2 steps draw, by the names that the case has for it, without their prefix `input/`: `z.d.0.1` are the
/// latents of the discriminator's half of step 0, part 1.
///
/// # Errors
/// A configuration that is not that of such a case.
pub fn draws(case: &Case) -> Result<BTreeMap<String, Tensor>> {
    let settings = Settings::of(&case.config)?;
    let config = &settings.config;
    let resolution = config.network.resolution;
    let mut all = Found { case, settings: &settings, tensors: BTreeMap::new() };
    for step in 0..settings.steps as u64 {
        let parts = config.parts(resolution, config.schedule.minibatch);
        for (part, size) in parts.into_iter().enumerate() {
            let draws = |half| Draws::new(config.run.seed, step, half, part);
            let place = format!("{step}.{part}");
            all.pass(&draws(Half::Discriminator), &format!("d.{place}"), size)?;
            all.pass(&draws(Half::Generator), &format!("g.{place}"), size)?;
            if config.path_length(step).is_some() {
                let draws = draws(Half::Generator).regularization();
                let size = (size / config.loss.path_length_shrink).max(1);
                all.pass(&draws, &format!("pl.{place}"), size)?;
                let shape = (size, config.network.channels, resolution, resolution);
                let noise = draws.image_noise(shape, &case.device)?;
                all.tensors.insert(format!("pl_noise.{place}"), noise);
            }
        }
    }
    Ok(all.tensors)
}

struct Found<'a> {
    case: &'a Case,
    settings: &'a Settings,
    tensors: BTreeMap<String, Tensor>,
}

impl Found<'_> {
    /// What a pass of the generator over `n` latents draws.
    fn pass(&mut self, draws: &Draws, place: &str, n: usize) -> Result<()> {
        let (config, device) = (&self.settings.config, &self.case.device);
        let generator = &config.generator;
        let blocks = config.generator_config(0).synthesis.pyramid()?.blocks();
        self.tensors.insert(format!("z.{place}"), draws.latents(n, generator.z_dim, device)?);
        if let Some(layer) = draws.crossover(generator.mixing_probability, 2 * blocks) {
            let second = draws.mixing_latents(n, generator.z_dim, device)?;
            self.tensors.insert(format!("z2.{place}"), second);
            let layer = Tensor::new(layer as f32, device)?.to_dtype(DType::F32)?;
            self.tensors.insert(format!("crossover.{place}"), layer);
        }
        let Some(kind) = generator.training_noise.kind() else { return Ok(()) };
        let Noise::Random { seed, step, .. } = draws.noise(kind) else { return Ok(()) };
        ensure!(kind == NoiseKind::Gaussian, "a case has normal noise");
        // One layer at 4x4, then two at each size.
        for layer in 0..2 * blocks - 1 {
            let side = 4 << layer.div_ceil(2);
            let maps = kind.map(seed, step, layer as u32, n, side, side, device)?;
            self.tensors.insert(format!("noise.{place}.{layer}"), maps);
        }
        Ok(())
    }
}
