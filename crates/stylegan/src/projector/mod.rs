//! Finding the latent code of an image by optimisation.

mod adam;
mod distance;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use candle_nn::VarBuilder;
use stylegan_ops::random::Stream;

use crate::{Generator, GeneratorConfig, Noise};
use adam::Adam;
use distance::noise_correlation;

pub use distance::multi_scale_pixels;

/// What is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionSpace {
    /// One `w` for all layers.
    W,
    /// A `w` of its own for each layer.
    WPlus,
}

/// How to search; `Default` has the numbers of Karras et al. 2020, "Analyzing and improving", appendix D.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectionSettings {
    /// The space.
    pub space: ProjectionSpace,
    /// Steps of the optimizer (1000).
    pub steps: usize,
    /// Learning rate (0.1).
    pub learning_rate: f64,
    /// Part of the steps in which the learning rate rises (0.05).
    pub rampup: f64,
    /// Part of the steps, at the end, in which it falls (0.25).
    pub rampdown: f64,
    /// Noise on `w` at first, in deviations of `w` (0.05). It falls to zero.
    pub initial_noise: f64,
    /// Part of the steps in which there is any (0.75).
    pub noise_ramp: f64,
    /// Weight of the noise maps' correlation with themselves (1e5).
    pub noise_weight: f64,
    /// Whether noise maps are searched too; else they stay the model's own.
    pub optimize_noise: bool,
    /// Latents that the mean and the deviation of `w` are estimated with (10,000).
    pub samples: usize,
    /// The level of detail of the model (0: full).
    pub lod: f64,
    /// Of the latents and the noise.
    pub seed: u64,
}

impl Default for ProjectionSettings {
    fn default() -> Self {
        Self {
            space: ProjectionSpace::WPlus,
            steps: 1000,
            learning_rate: 0.1,
            rampup: 0.05,
            rampdown: 0.25,
            initial_noise: 0.05,
            noise_ramp: 0.75,
            noise_weight: 1e5,
            optimize_noise: true,
            samples: 10_000,
            lod: 0.0,
            seed: 0,
        }
    }
}

/// What a step saw.
#[derive(Debug, Clone)]
pub struct ProjectionStep {
    /// Its number, from 0; the last look, after all steps, has the number of steps.
    pub step: usize,
    /// The distance.
    pub distance: f64,
    /// The noise maps' correlation, not weighted.
    pub correlation: f64,
    /// Whether it is the nearest so far. While there is noise on `w`, no step is.
    pub best: bool,
    /// The image `[1, C, H, W]`.
    pub image: Tensor,
}

/// What was found: the nearest of all steps that had no noise on `w`.
#[derive(Debug, Clone)]
pub struct Projection {
    /// Styles `[1, layers, w_dim]`.
    pub ws: Tensor,
    /// Noise maps by the names of the model's own; none if they were not searched.
    pub noise: BTreeMap<String, Tensor>,
    /// The image `[1, C, H, W]`.
    pub image: Tensor,
    /// Its distance.
    pub distance: f64,
    /// The step that it is of.
    pub step: usize,
}

/// Searches for the code of an image. `tensors` are the generator's (see [`read_generator`](crate::read_generator)), `labels` `[M, label_dim]` those of
/// a model that takes some, which the latents of the start's average take in turn; `distance` the distance of an image `[1, C, H, W]` from the target, a scalar with a way back. `watch` sees every step,
/// and may end the search, which then keeps the nearest so far.
///
/// # Errors
/// Those of the generator and of `distance`; a distance that is not finite.
pub fn project(
    config: &GeneratorConfig,
    tensors: &BTreeMap<String, Tensor>,
    labels: Option<&Tensor>,
    distance: &dyn Fn(&Tensor) -> Result<Tensor>,
    settings: &ProjectionSettings,
    watch: &mut dyn FnMut(&ProjectionStep) -> ControlFlow<()>,
) -> Result<Projection> {
    let mut search = Search::new(config, tensors, labels, settings)?;
    for step in 0..settings.steps {
        let t = step as f64 / settings.steps as f64;
        let look = search.look(step, settings.noise_at(t), distance)?;
        let rate = settings.rate_at(t);
        search.learn(&look, rate)?;
        if watch(&look.step).is_break() {
            break;
        }
    }
    // The codes after the last step, and without noise if the search was ended early.
    let look = search.look(settings.steps, 0.0, distance)?;
    let _ = watch(&look.step);
    match search.best {
        Some(best) => Ok(best),
        None => bail!("projection: no step was without noise"),
    }
}

impl ProjectionSettings {
    /// Noise on `w` after a part `t` of the steps, in deviations.
    fn noise_at(&self, t: f64) -> f64 {
        self.initial_noise * (1.0 - t / self.noise_ramp.max(1e-9)).max(0.0).powi(2)
    }

    /// The learning rate after a part `t` of the steps: half a cosine down, a straight line up.
    fn rate_at(&self, t: f64) -> f64 {
        let down = ((1.0 - t) / self.rampdown.max(1e-9)).min(1.0);
        let down = 0.5 - 0.5 * (down * std::f64::consts::PI).cos();
        self.learning_rate * down * (t / self.rampup.max(1e-9)).min(1.0)
    }
}

/// The streams of the search.
const SAMPLES: u32 = 0x9201;
const NOISE: u32 = 0x9202;

struct Search {
    generator: Generator,
    space: ProjectionSpace,
    w: Var,
    noise: BTreeMap<String, Var>,
    noise_weight: f64,
    deviation: f64,
    lod: f64,
    seed: u64,
    adam: Adam,
    best: Option<Projection>,
}

/// A step with what it learns from.
struct Look {
    step: ProjectionStep,
    loss: Tensor,
}

impl Search {
    fn new(
        config: &GeneratorConfig,
        tensors: &BTreeMap<String, Tensor>,
        labels: Option<&Tensor>,
        settings: &ProjectionSettings,
    ) -> Result<Self> {
        // All parts of a model are on one device.
        let device = tensors.values().next().map_or(Device::Cpu, |tensor| tensor.device().clone());
        let mut noise = BTreeMap::new();
        let mut parts: HashMap<String, Tensor> = HashMap::new();
        for (name, tensor) in tensors {
            let mut tensor = tensor.to_dtype(DType::F32)?;
            if settings.optimize_noise && name.ends_with("noise.const") {
                let var = Var::from_tensor(&tensor.copy()?)?;
                tensor = var.as_tensor().clone();
                noise.insert(name.clone(), var);
            }
            parts.insert(name.clone(), tensor);
        }
        let builder = VarBuilder::from_tensors(parts, DType::F32, &device);
        let generator = Generator::new(config, builder)?;
        let (mean, deviation) = statistics(&generator, labels, settings)?;
        let mean = mean.reshape((1, 1, ()))?;
        let start = match settings.space {
            ProjectionSpace::W => mean,
            ProjectionSpace::WPlus => mean.repeat((1, generator.num_layers(), 1))?,
        };
        Ok(Self {
            generator,
            space: settings.space,
            w: Var::from_tensor(&start.contiguous()?)?,
            noise,
            noise_weight: settings.noise_weight,
            deviation,
            lod: settings.lod,
            seed: settings.seed,
            adam: Adam::default(),
            best: None,
        })
    }

    /// The image of the codes as they stand, with noise on `w`, and its distance.
    fn look(
        &mut self,
        step: usize,
        noise: f64,
        distance: &dyn Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Look> {
        let mut w = self.w.as_tensor().clone();
        if noise > 0.0 {
            let stream = Stream::new(self.seed, step as u64, NOISE);
            let added = stream.normal(w.shape().clone(), w.device())?;
            w = (w + added.affine(noise * self.deviation, 0.0)?)?;
        }
        let ws = match self.space {
            ProjectionSpace::W => w.repeat((1, self.generator.num_layers(), 1))?,
            ProjectionSpace::WPlus => w,
        };
        let image = self.generator.synthesize(&ws, self.lod, &Noise::Const)?;
        let far = distance(&image)?;
        let correlation = noise_correlation(self.noise.values().map(Var::as_tensor), &image)?;
        let loss = (&far + correlation.affine(self.noise_weight, 0.0)?)?;
        let number = |x: &Tensor| x.to_dtype(DType::F64)?.to_scalar::<f64>();
        let (far, correlation) = (number(&far)?, number(&correlation)?);
        if !far.is_finite() {
            bail!("projection: the distance is {far} at step {step}");
        }
        let best = noise == 0.0 && self.best.as_ref().is_none_or(|best| far < best.distance);
        let image = image.detach();
        if best {
            let copy = |(name, var): (&String, &Var)| -> Result<_> {
                Ok((name.clone(), var.as_tensor().copy()?.detach()))
            };
            let maps = self.noise.iter().map(copy);
            self.best = Some(Projection {
                ws: ws.detach().copy()?,
                noise: maps.collect::<Result<_>>()?,
                image: image.clone(),
                distance: far,
                step,
            });
        }
        let step = ProjectionStep { step, distance: far, correlation, best, image };
        Ok(Look { step, loss })
    }

    /// A step of the optimizer, after which every noise map has mean 0 and deviation 1 again.
    fn learn(&mut self, look: &Look, rate: f64) -> Result<()> {
        let gradients = look.loss.backward()?;
        let vars = std::iter::once(("w", &self.w))
            .chain(self.noise.iter().map(|(name, var)| (name.as_str(), var)));
        self.adam.step(vars, &gradients, rate)?;
        for var in self.noise.values() {
            let map = var.as_detached_tensor();
            let map = map.broadcast_sub(&map.mean_all()?)?;
            let size = f64::from(map.sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt();
            if size > 0.0 {
                var.set(&map.affine(1.0 / size, 0.0)?)?;
            }
        }
        Ok(())
    }
}

/// `n` rows from row `start` on; after the last comes the first.
fn rows_in_turn(rows: &Tensor, start: usize, n: usize) -> Result<Tensor> {
    let count = rows.dim(0)?.max(1);
    let turns: Vec<u32> = (start..start + n).map(|row| (row % count) as u32).collect();
    rows.index_select(&Tensor::from_vec(turns, n, rows.device())?, 0)
}

/// The mean of `w` `[w_dim]`, and the root of its mean squared distance from it.
fn statistics(
    generator: &Generator,
    labels: Option<&Tensor>,
    settings: &ProjectionSettings,
) -> Result<(Tensor, f64)> {
    const BATCH: usize = 500;
    let z_dim = generator.config().mapping.z_dim;
    let samples = settings.samples.max(2);
    let mut ws = Vec::new();
    for start in (0..samples).step_by(BATCH) {
        let n = BATCH.min(samples - start);
        let stream = Stream::new(settings.seed, start as u64, SAMPLES);
        let labels = labels.map(|labels| rows_in_turn(labels, start, n)).transpose()?;
        ws.push(
            generator
                .map(&stream.normal((n, z_dim), generator.w_avg().device())?, labels.as_ref())?
                .detach(),
        );
    }
    let ws = Tensor::cat(&ws, 0)?;
    let mean = ws.mean(0)?;
    let squares = ws.broadcast_sub(&mean)?.sqr()?.sum(1)?.mean_all()?.to_scalar::<f32>()?;
    Ok((mean, f64::from(squares).sqrt()))
}
