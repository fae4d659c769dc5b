//! Adam with named state, joined with the moving average of the parameters; and, beside it, Ranger.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor, Var, bail};
use serde::{Deserialize, Serialize};
use stylegan::{Parameters, is_buffer};
use stylegan_ops::{AdamDecay, AdamParameter, AdamUpdate, NotFinite, adam_update};

use crate::average;
use crate::gradients::Gradients;

mod finite;
pub(crate) mod kernel;
mod queued;
mod ranger;
pub(crate) mod reference;

pub use queued::{Queued, QueuedStep};
pub use ranger::{Ranger, RangerConfig};

/// The numbers of Adam (Kingma and Ba 2015, algorithm 1), without the learning rate, which a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamConfig {
    /// Decay of the first moment (0: none is kept).
    pub beta1: f64,
    /// Decay of the second moment (0.99).
    pub beta2: f64,
    /// Added to the root of the corrected second moment (1e-8).
    pub epsilon: f64,
    /// Factor on the learning rate of noise strengths, `noise.weight` and `noise.strength` (1).
    ///
    /// Adam moves every stored scalar by about the learning rate a step. A convolution's weights are scaled down at run
    /// time, noise strengths are not: in a run of few steps they outgrow what the rest has learnt.
    pub noise_rate: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.0, beta2: 0.99, epsilon: 1e-8, noise_rate: 1.0 }
    }
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// The parameters were updated.
    Updated,
    /// A gradient is not finite; neither parameters nor moments were touched.
    Skipped {
        /// The first parameter, in the order of names, whose gradient it is.
        parameter: String,
    },
}

/// Adam over a network's named parameters.
///
/// Each parameter counts its own steps, for the bias correction: one that gets no gradient (a block above the level of
/// detail) is left as it is, moments included. With `beta1` 0, the first moment is the gradient and is not stored.
///
/// On the CPU the update of a parameter is one pass over its `f32` values, in parallel over chunks; values do not depend
/// on each other, so the results are the same at any number of threads.
#[derive(Debug, Clone)]
pub struct Adam {
    config: AdamConfig,
    slots: BTreeMap<String, Slot>,
}

/// The state of one parameter.
#[derive(Debug, Clone)]
struct Slot {
    /// Steps taken.
    step: u64,
    /// The first moment, unless `beta1` is 0.
    m: Option<Var>,
    /// The second moment.
    v: Var,
}

/// The scalars of one parameter's update.
#[derive(Debug, Clone, Copy)]
struct Coefficients {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    /// Learning rate over the first bias correction.
    step_size: f64,
    /// One over the root of the second bias correction.
    inverse_root: f64,
}

impl Adam {
    /// An optimizer without any state.
    pub fn new(config: AdamConfig) -> Self {
        Self { config, slots: BTreeMap::new() }
    }

    /// Its numbers.
    pub fn config(&self) -> &AdamConfig {
        &self.config
    }

    /// Updates every parameter that has a gradient.
    ///
    /// # Errors
    /// A gradient of an unknown parameter, of another shape or type; those of the device.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<StepOutcome> {
        let queued = self.queue(parameters, gradients, learning_rate)?;
        self.settle(queued)
    }

    /// As [`Self::step`], without waiting for a GPU: whether the step was skipped is asked there, and can be asked for later with [`Self::settle`].
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn queue(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> Result<Queued> {
        self.run(parameters, gradients, learning_rate, None)
    }

    /// As [`Self::step`], and in the same pass moves `average` towards the parameters *before* this update, by
    /// [`average::update`]'s rule; parameters without a gradient and buffers included. The average moves also where the
    /// step is skipped.
    ///
    /// This is the official order: the average is taken with the discriminator's step, before the generator's.
    ///
    /// # Errors
    /// As [`Self::step`], and an average that is not of this network.
    pub fn step_with_average(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
        average: &Parameters,
        beta: f64,
    ) -> Result<StepOutcome> {
        let queued = self.run(parameters, gradients, learning_rate, Some((average, beta)))?;
        self.settle(queued)
    }

    fn run(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
        average: Option<(&Parameters, f64)>,
    ) -> Result<Queued> {
        check(parameters, gradients)?;
        let on_gpu = |var: &Var| var.device().is_cuda() && var.dtype() == DType::F32;
        if parameters.all().first().is_some_and(|(_, var)| on_gpu(var))
            && let Some(flags) = finite::on_gpu(gradients)?
            && self.run_at_once(parameters, gradients, learning_rate, average, &flags)?
        {
            let names = gradients.iter().map(|(name, _)| name.to_owned()).collect();
            return Ok(Queued::OnGpu(QueuedStep { names, flags }));
        }
        if let Some(parameter) = finite::first_not_finite(gradients)? {
            if let Some((average, beta)) = average {
                average::update(average, parameters, beta)?;
            }
            return Ok(Queued::Known(StepOutcome::Skipped { parameter }));
        }
        for (name, var) in parameters.all() {
            let averaged = match average {
                Some((average, beta)) => Some((average::counterpart(average, &name, &var)?, beta)),
                None => None,
            };
            let gradient = if is_buffer(&name) { None } else { gradients.get(&name) };
            match (gradient, averaged) {
                (Some(gradient), averaged) => {
                    self.update(&name, &var, gradient, learning_rate, averaged)?;
                }
                (None, Some((averaged, beta))) => average::one(&averaged, &var, &name, beta)?,
                (None, None) => {}
            }
        }
        Ok(Queued::Known(StepOutcome::Updated))
    }

    fn update(
        &mut self,
        name: &str,
        var: &Var,
        gradient: &Tensor,
        learning_rate: f64,
        average: Option<(Var, f64)>,
    ) -> Result<()> {
        let coefficients = self.advance(name, var, learning_rate)?;
        let Some(slot) = self.slots.get(name) else { bail!("no state for {name}") };
        let gradient = gradient.detach().contiguous()?;
        if var.device().is_cpu() && var.dtype() == DType::F32 {
            kernel::update(var, &gradient, slot, coefficients, average)
        } else {
            reference::update(var, &gradient, slot, coefficients, average)
        }
    }

    /// Counts a step of one parameter, whose state is made if there is none, and gives its scalars.
    fn advance(&mut self, name: &str, var: &Var, learning_rate: f64) -> Result<Coefficients> {
        if !self.slots.contains_key(name) {
            let slot = Slot::new(var, self.config.beta1 != 0.0)?;
            self.slots.insert(name.to_owned(), slot);
        }
        let Some(slot) = self.slots.get_mut(name) else { bail!("no state for {name}") };
        slot.step += 1;
        let AdamConfig { beta1, beta2, epsilon, noise_rate } = self.config;
        let is_noise = name.ends_with("noise.weight") || name.ends_with("noise.strength");
        let learning_rate = if is_noise { learning_rate * noise_rate } else { learning_rate };
        // Beyond this the corrections are 1 in double precision.
        let power = slot.step.min(i32::MAX as u64) as i32;
        Ok(Coefficients {
            beta1,
            beta2,
            epsilon,
            step_size: learning_rate / (1.0 - beta1.powi(power)),
            inverse_root: 1.0 / (1.0 - beta2.powi(power)).sqrt(),
        })
    }

    /// All parameters in one launch on a GPU, unless one of the flags is set; `false`, and nothing done, where there is no kernel for it.
    fn run_at_once(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
        average: Option<(&Parameters, f64)>,
        unless: &NotFinite,
    ) -> Result<bool> {
        // Without a kernel nothing may be counted.
        if !adam_update(&[], self.decay(), None)? {
            return Ok(false);
        }
        let mut all = Vec::new();
        for (name, var) in parameters.all() {
            let averaged = match average {
                Some((average, beta)) => {
                    let beta = if is_buffer(&name) { 0.0 } else { beta };
                    Some((average::counterpart(average, &name, &var)?, beta))
                }
                None => None,
            };
            let gradient = gradients.get(&name).filter(|_| !is_buffer(&name));
            let update = match gradient {
                Some(gradient) => {
                    let coefficients = self.advance(&name, &var, learning_rate)?;
                    let gradient = gradient.detach().contiguous()?;
                    self.slots.get(&name).cloned().map(|slot| (gradient, slot, coefficients))
                }
                None => None,
            };
            if update.is_some() || averaged.is_some() {
                all.push((var, update, averaged));
            }
        }
        let all: Vec<AdamParameter<'_>> = all
            .iter()
            .map(|(var, update, averaged)| AdamParameter {
                value: var.as_tensor(),
                update: update.as_ref().map(|(gradient, slot, c)| AdamUpdate {
                    gradient,
                    first: slot.m.as_ref().map(Var::as_tensor),
                    second: slot.v.as_tensor(),
                    step_size: c.step_size,
                    inverse_root: c.inverse_root,
                }),
                average: averaged.as_ref().map(|(average, beta)| (average.as_tensor(), *beta)),
            })
            .collect();
        if !adam_update(&all, self.decay(), Some(unless))? {
            bail!("the optimizer's tensors are not all float32 on one GPU");
        }
        Ok(true)
    }

    fn decay(&self) -> AdamDecay {
        let AdamConfig { beta1, beta2, epsilon, .. } = self.config;
        AdamDecay { beta1, beta2, epsilon }
    }

    /// Forgets all state, as the official loop does when the level of detail changes.
    pub fn reset(&mut self) {
        self.slots.clear();
    }

    /// The state as named tensors: `NAME.step` (a number), `NAME.v` and, unless `beta1` is 0, `NAME.m` for every parameter
    /// that was updated. The tensors share the optimizer's storage: save them before the next step.
    ///
    /// # Errors
    /// Those of the device.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for (name, slot) in &self.slots {
            let step = Tensor::new(slot.step as i64, &candle_core::Device::Cpu)?;
            state.insert(format!("{name}.step"), step);
            state.insert(format!("{name}.v"), slot.v.as_detached_tensor());
            if let Some(m) = &slot.m {
                state.insert(format!("{name}.m"), m.as_detached_tensor());
            }
        }
        Ok(state)
    }

    /// Replaces the state by a saved one.
    ///
    /// # Errors
    /// Lists every tensor that is missing, unknown or of another shape; the state is then as it was.
    pub fn load(
        &mut self,
        state: &BTreeMap<String, Tensor>,
        parameters: &Parameters,
    ) -> Result<()> {
        let mut problems = Vec::new();
        let mut slots = BTreeMap::new();
        let mut used = 0;
        for (name, var) in parameters.trainable() {
            let part = |suffix: &str| state.get(&format!("{name}.{suffix}"));
            let (Some(step), Some(v)) = (part("step"), part("v")) else { continue };
            let m = part("m");
            used += 2 + usize::from(m.is_some());
            for moment in [Some(v), m].into_iter().flatten() {
                if moment.dims() != var.dims() {
                    let (found, expected) = (moment.dims(), var.dims());
                    problems
                        .push(format!("a moment of {name} is {found:?}, expected {expected:?}"));
                }
            }
            if m.is_some() != (self.config.beta1 != 0.0) {
                problems.push(format!("{name} was trained with another beta1"));
            }
            let own = |moment: &Tensor| {
                Var::from_tensor(&moment.to_device(var.device())?.to_dtype(var.dtype())?.copy()?)
            };
            let step = step.to_scalar::<i64>()?.max(0) as u64;
            slots.insert(name.clone(), Slot { step, m: m.map(own).transpose()?, v: own(v)? });
        }
        if used != state.len() {
            let known = |key: &&String| {
                key.rsplit_once('.').is_none_or(|(name, _)| !slots.contains_key(name))
            };
            let names: Vec<_> = state.keys().filter(known).cloned().collect();
            problems.push(format!("unknown or incomplete: {}", names.join(", ")));
        }
        if !problems.is_empty() {
            bail!("the optimizer's state does not fit: {}", problems.join("; "));
        }
        self.slots = slots;
        Ok(())
    }
}

/// Checks that every gradient is one of a parameter, before anything is written.
fn check(parameters: &Parameters, gradients: &Gradients) -> Result<()> {
    for (name, gradient) in gradients.iter() {
        let Some(var) = parameters.get(name) else {
            bail!("there is a gradient of {name}, but no such parameter")
        };
        if var.dims() != gradient.dims() || var.dtype() != gradient.dtype() {
            let (want, got) = (var.dims(), gradient.dims());
            bail!("the gradient of {name} is {got:?}, the parameter {want:?}")
        }
    }
    Ok(())
}

impl Slot {
    fn new(var: &Var, first_moment: bool) -> Result<Self> {
        let zeros = || Var::zeros(var.shape(), var.dtype(), var.device());
        let m = if first_moment { Some(zeros()?) } else { None };
        Ok(Self { step: 0, m, v: zeros()? })
    }
}

#[cfg(test)]
mod tests;
