//! Ranger: rectified Adam, with weights that look ahead and gradients that are centred.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stylegan::Parameters;

use super::{StepOutcome, finite};
use crate::gradients::Gradients;
use crate::slices::{CHUNK, with_slice, with_slice_mut};

/// The numbers of Ranger, without the learning rate, which a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RangerConfig {
    /// Decay of the first moment (0.95).
    pub beta1: f64,
    /// Decay of the second moment (0.999).
    pub beta2: f64,
    /// Added to the root of the second moment (1e-5).
    pub epsilon: f64,
    /// The length of the moving average, as rectification estimates it, from which the second moment is divided by (5).
    pub variance_threshold: f64,
    /// Steps after which the slow weights follow (6); 0 for never.
    pub lookahead_steps: u64,
    /// How far they go (0.5).
    pub lookahead_alpha: f64,
    /// Whether the gradients of weights of two and more dimensions are centred: each output's mean is taken off (true).
    pub centralize: bool,
}

impl Default for RangerConfig {
    fn default() -> Self {
        Self {
            beta1: 0.95,
            beta2: 0.999,
            epsilon: 1e-5,
            variance_threshold: 5.0,
            lookahead_steps: 6,
            lookahead_alpha: 0.5,
            centralize: true,
        }
    }
}

/// Ranger over a network's named parameters: RAdam (Liu et al. 2020, algorithm 2), whose weights every few steps go back a part of
/// their way (Lookahead, Zhang et al. 2019), and whose gradients are centred (Yong et al. 2020).
///
/// Where rectification finds the second moment too young, a step goes along the first moment. Each parameter counts its own
/// steps; one without a gradient is left as it is.
#[derive(Debug, Clone)]
pub struct Ranger {
    config: RangerConfig,
    slots: BTreeMap<String, Slot>,
}

/// The state of one parameter.
#[derive(Debug, Clone)]
struct Slot {
    step: u64,
    m: Var,
    v: Var,
    slow: Var,
}

/// The scalars of one update.
#[derive(Debug, Clone, Copy)]
struct Scalars {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    epsilon: f32,
    step_size: f32,
    /// Whether the second moment is divided by.
    adaptive: bool,
    /// The weight of the new weights in the slow ones, if they follow now.
    lookahead: Option<f32>,
}

impl Ranger {
    /// An optimizer without any state.
    pub fn new(config: RangerConfig) -> Self {
        Self { config, slots: BTreeMap::new() }
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
        super::check(parameters, gradients)?;
        if let Some(parameter) = finite::first_not_finite(gradients)? {
            return Ok(StepOutcome::Skipped { parameter });
        }
        for (name, var) in parameters.trainable() {
            let Some(gradient) = gradients.get(&name) else { continue };
            if !self.slots.contains_key(&name) {
                self.slots.insert(name.clone(), Slot::new(&var)?);
            }
            let Some(slot) = self.slots.get_mut(&name) else { bail!("no state for {name}") };
            slot.step += 1;
            let gradient = centred(&gradient.detach().contiguous()?, self.config.centralize)?;
            let scalars = self.config.scalars(slot.step, learning_rate);
            if var.device().is_cpu() && var.dtype() == DType::F32 {
                on_slices(&var, &gradient, slot, scalars)?;
            } else {
                on_tensors(&var, &gradient, slot, scalars)?;
            }
        }
        Ok(StepOutcome::Updated)
    }

    /// The state as named tensors: `NAME.step`, `NAME.m`, `NAME.v` and `NAME.slow` for every parameter that was updated. They share the
    /// optimizer's storage: save them before the next step.
    ///
    /// # Errors
    /// Those of the device.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut state = BTreeMap::new();
        for (name, slot) in &self.slots {
            state.insert(format!("{name}.step"), Tensor::new(slot.step as i64, &Device::Cpu)?);
            for (part, var) in [("m", &slot.m), ("v", &slot.v), ("slow", &slot.slow)] {
                state.insert(format!("{name}.{part}"), var.as_detached_tensor());
            }
        }
        Ok(state)
    }

    /// Replaces the state by a saved one.
    ///
    /// # Errors
    /// Lists every tensor that is incomplete, unknown or of another shape; the state is then as it was.
    pub fn load(
        &mut self,
        state: &BTreeMap<String, Tensor>,
        parameters: &Parameters,
    ) -> Result<()> {
        let (mut slots, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, var) in parameters.trainable() {
            let part = |suffix: &str| state.get(&format!("{name}.{suffix}"));
            let parts = (part("step"), part("m"), part("v"), part("slow"));
            let (Some(step), Some(m), Some(v), Some(slow)) = parts else { continue };
            let own = |tensor: &Tensor| {
                Var::from_tensor(&tensor.to_device(var.device())?.to_dtype(var.dtype())?.copy()?)
            };
            for tensor in [m, v, slow] {
                if tensor.dims() != var.dims() {
                    let (found, expected) = (tensor.dims(), var.dims());
                    problems.push(format!("a part of {name} is {found:?}, expected {expected:?}"));
                }
            }
            let step = step.to_scalar::<i64>()?.max(0) as u64;
            slots.insert(name, Slot { step, m: own(m)?, v: own(v)?, slow: own(slow)? });
        }
        let known =
            |key: &&String| key.rsplit_once('.').is_none_or(|(name, _)| !slots.contains_key(name));
        let unknown: Vec<_> = state.keys().filter(known).cloned().collect();
        if !unknown.is_empty() {
            problems.push(format!("unknown or incomplete: {}", unknown.join(", ")));
        }
        if !problems.is_empty() {
            bail!("the optimizer's state does not fit: {}", problems.join("; "));
        }
        self.slots = slots;
        Ok(())
    }
}

impl RangerConfig {
    /// The scalars of step `step`, counted from 1.
    fn scalars(&self, step: u64, learning_rate: f64) -> Scalars {
        let power = step.min(i32::MAX as u64) as i32;
        let (decay1, decay2) = (self.beta1.powi(power), self.beta2.powi(power));
        let longest = 2.0 / (1.0 - self.beta2) - 1.0;
        let length = longest - 2.0 * step as f64 * decay2 / (1.0 - decay2);
        let adaptive = length > self.variance_threshold;
        let rectification = if adaptive {
            ((1.0 - decay2) * (length - 4.0) * (length - 2.0) * longest
                / ((longest - 4.0) * (longest - 2.0) * length))
                .sqrt()
        } else {
            1.0
        };
        let follows = self.lookahead_steps > 0 && step.is_multiple_of(self.lookahead_steps);
        Scalars {
            beta1: self.beta1 as f32,
            rest1: (1.0 - self.beta1) as f32,
            beta2: self.beta2 as f32,
            rest2: (1.0 - self.beta2) as f32,
            epsilon: self.epsilon as f32,
            step_size: (learning_rate * rectification / (1.0 - decay1)) as f32,
            adaptive,
            lookahead: follows.then_some(self.lookahead_alpha as f32),
        }
    }
}

impl Slot {
    fn new(var: &Var) -> Result<Self> {
        let zeros = || Var::zeros(var.shape(), var.dtype(), var.device());
        let slow = Var::from_tensor(&var.as_detached_tensor().copy()?)?;
        Ok(Self { step: 0, m: zeros()?, v: zeros()?, slow })
    }
}

/// A gradient of two and more dimensions without the mean of each of its first dimension's parts.
fn centred(gradient: &Tensor, wanted: bool) -> Result<Tensor> {
    if !wanted || gradient.rank() < 2 {
        return Ok(gradient.clone());
    }
    let flat = gradient.flatten_from(1)?;
    flat.broadcast_sub(&flat.mean_keepdim(1)?)?.reshape(gradient.shape())
}

fn on_slices(var: &Var, gradient: &Tensor, slot: &Slot, s: Scalars) -> Result<()> {
    with_slice_mut(&slot.m, |m| {
        with_slice_mut(&slot.v, |v| {
            with_slice_mut(&slot.slow, |slow| {
                with_slice_mut(var, |p| {
                    with_slice(gradient, |g| {
                        let parts = (p.par_chunks_mut(CHUNK), g.par_chunks(CHUNK));
                        let state = (m.par_chunks_mut(CHUNK), v.par_chunks_mut(CHUNK));
                        let parts = parts.into_par_iter().zip(state.into_par_iter());
                        let parts = parts.zip(slow.par_chunks_mut(CHUNK));
                        parts.for_each(|(((p, g), (m, v)), slow)| chunk(p, g, (m, v, slow), s));
                    })
                })
            })
        })
    })
}

fn chunk(p: &mut [f32], g: &[f32], (m, v, slow): (&mut [f32], &mut [f32], &mut [f32]), s: Scalars) {
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = s.beta1 * *m + s.rest1 * g;
        *v = s.beta2 * *v + s.rest2 * (g * g);
        let divisor = if s.adaptive { v.sqrt() + s.epsilon } else { 1.0 };
        *p -= s.step_size * *m / divisor;
    }
    if let Some(alpha) = s.lookahead {
        for (p, slow) in p.iter_mut().zip(slow) {
            *slow += alpha * (*p - *slow);
            *p = *slow;
        }
    }
}

/// The same in plain candle operations.
fn on_tensors(var: &Var, gradient: &Tensor, slot: &Slot, s: Scalars) -> Result<()> {
    let towards = |old: &Var, decay: f32, new: &Tensor, rest: f32| {
        old.as_detached_tensor().affine(decay.into(), 0.0)? + new.affine(rest.into(), 0.0)?
    };
    slot.m.set(&towards(&slot.m, s.beta1, gradient, s.rest1)?)?;
    slot.v.set(&towards(&slot.v, s.beta2, &gradient.sqr()?, s.rest2)?)?;
    let m = slot.m.as_detached_tensor().affine(s.step_size.into(), 0.0)?;
    let change = if s.adaptive {
        (m / (slot.v.as_detached_tensor().sqrt()? + f64::from(s.epsilon))?)?
    } else {
        m
    };
    var.set(&(var.as_detached_tensor() - change)?)?;
    if let Some(alpha) = s.lookahead {
        let kept = slot.slow.as_detached_tensor();
        let slow = (&kept + (var.as_detached_tensor() - &kept)?.affine(alpha.into(), 0.0)?)?;
        slot.slow.set(&slow)?;
        var.set(&slow)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(dtype: DType) -> Parameters {
        let values: Vec<f64> = (0..12).map(|i| f64::from(i) * 0.3 - 1.5).collect();
        let parameters = Parameters::new(0, dtype, &Device::Cpu);
        for (name, shape) in [("w", vec![3, 4]), ("b", vec![12])] {
            let init = candle_nn::Init::Const(0.0);
            parameters.builder().get_with_hints(shape.clone(), name, init).unwrap();
            let value = Tensor::from_vec(values.clone(), shape, &Device::Cpu).unwrap();
            parameters.get(name).unwrap().set(&value.to_dtype(dtype).unwrap()).unwrap();
        }
        parameters
    }

    fn gradients(parameters: &Parameters) -> Result<Gradients> {
        let (w, b) = (parameters.get("w").unwrap(), parameters.get("b").unwrap());
        let loss = (w.sqr()?.sqr()?.sum_all()? + (b.as_tensor() - 1.0)?.sqr()?.sum_all()?)?;
        Ok(Gradients::of(parameters, loss.backward()?))
    }

    fn flat(parameters: &Parameters, name: &str) -> Vec<f64> {
        let tensor = parameters.get(name).unwrap().as_detached_tensor();
        tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn both_forms_agree_and_go_down() -> Result<()> {
        let (single, double) = (parameters(DType::F32), parameters(DType::F64));
        for parameters in [&single, &double] {
            let mut ranger = Ranger::new(RangerConfig::default());
            for _ in 0..40 {
                ranger.step(parameters, &gradients(parameters)?, 0.02)?;
            }
        }
        for name in ["w", "b"] {
            for (a, b) in flat(&single, name).iter().zip(flat(&double, name)) {
                assert!((a - b).abs() < 1e-4, "{name}: {a} {b}");
            }
        }
        let distance: f64 = flat(&single, "b").iter().map(|b| (b - 1.0).abs()).sum();
        let before: f64 = flat(&parameters(DType::F32), "b").iter().map(|b| (b - 1.0).abs()).sum();
        assert!(distance < before, "{distance} {before}");
        Ok(())
    }

    #[test]
    fn a_centred_gradient_keeps_each_outputs_mean() -> Result<()> {
        let parameters = parameters(DType::F64);
        let mean = |values: Vec<f64>| values[..4].iter().sum::<f64>();
        let before = mean(flat(&parameters, "w"));
        let mut ranger = Ranger::new(RangerConfig::default());
        // Without division by the second moment, as in the first steps, means stay.
        for _ in 0..3 {
            ranger.step(&parameters, &gradients(&parameters)?, 0.02)?;
        }
        assert!((mean(flat(&parameters, "w")) - before).abs() < 1e-12);
        Ok(())
    }

    #[test]
    fn a_saved_state_goes_on_as_if_nothing_had_been() -> Result<()> {
        let one = parameters(DType::F32);
        let mut ranger = Ranger::new(RangerConfig::default());
        for _ in 0..8 {
            ranger.step(&one, &gradients(&one)?, 0.02)?;
        }
        let other = one.duplicate()?;
        let mut resumed = Ranger::new(RangerConfig::default());
        let saved: BTreeMap<_, _> =
            ranger.state()?.into_iter().map(|(k, v)| Ok((k, v.copy()?))).collect::<Result<_>>()?;
        resumed.load(&saved, &other)?;
        for _ in 0..8 {
            ranger.step(&one, &gradients(&one)?, 0.02)?;
            resumed.step(&other, &gradients(&other)?, 0.02)?;
        }
        assert_eq!(flat(&one, "w"), flat(&other, "w"));
        let mut damaged = saved;
        damaged.remove("w.slow");
        let error = resumed.load(&damaged, &other).unwrap_err().to_string();
        assert!(error.contains("w.m"), "{error}");
        Ok(())
    }

    #[test]
    fn gradients_that_are_not_finite_touch_nothing() -> Result<()> {
        let parameters = parameters(DType::F32);
        parameters.get("b").unwrap().set(&Tensor::full(f32::INFINITY, 12, &Device::Cpu)?)?;
        let before = flat(&parameters, "w");
        let outcome = Ranger::new(RangerConfig::default()).step(
            &parameters,
            &gradients(&parameters)?,
            0.02,
        )?;
        assert_eq!(outcome, StepOutcome::Skipped { parameter: "b".into() });
        assert_eq!(flat(&parameters, "w"), before);
        Ok(())
    }
}
