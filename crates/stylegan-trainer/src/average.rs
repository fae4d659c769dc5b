//! The moving average of a generator's parameters.
//!
//! Images are judged and shown from an exponential moving average of the generator (Karras et al. 2018, section 2), whose
//! decay follows from a half-life in thousands of images, so that it does not depend on the batch size.

use candle_core::{DType, Result, Var, bail};
use rayon::prelude::*;
use stylegan::{Parameters, is_buffer};
use stylegan_ops::{AdamDecay, AdamParameter, adam_update};

use crate::optimizer::{kernel, reference};
use crate::slices::{CHUNK, with_slice, with_slice_mut};

/// The weight that the old average keeps after a batch: `0.5^(batch / half-life)`. With a half-life of 0 the average is
/// a copy.
pub fn decay(batch: usize, half_life_kimg: f64) -> f64 {
    if half_life_kimg > 0.0 { 0.5f64.powf(batch as f64 / (half_life_kimg * 1000.0)) } else { 0.0 }
}

/// Moves every tensor of `average` towards `parameters`: `average = p + (average - p) * beta`. Buffers are copied.
///
/// # Errors
/// An average that is not of this network; those of the device.
pub fn update(average: &Parameters, parameters: &Parameters, beta: f64) -> Result<()> {
    if parameters.all().first().is_some_and(|(_, var)| var.device().is_cuda())
        && at_once(average, parameters, beta)?
    {
        return Ok(());
    }
    for (name, var) in parameters.all() {
        one(&counterpart(average, &name, &var)?, &var, &name, beta)?;
    }
    Ok(())
}

/// All tensors in one launch on a GPU; `false`, and nothing done, where there is no kernel for it.
fn at_once(average: &Parameters, parameters: &Parameters, beta: f64) -> Result<bool> {
    let mut all = Vec::new();
    for (name, var) in parameters.all() {
        let beta = if is_buffer(&name) { 0.0 } else { beta };
        all.push((counterpart(average, &name, &var)?, var, beta));
    }
    let all: Vec<AdamParameter<'_>> = all
        .iter()
        .map(|(average, var, beta)| AdamParameter {
            value: var.as_tensor(),
            update: None,
            average: Some((average.as_tensor(), *beta)),
        })
        .collect();
    adam_update(&all, AdamDecay { beta1: 0.0, beta2: 0.0, epsilon: 0.0 }, None)
}

/// The tensor of `average` that follows `var`.
pub(crate) fn counterpart(average: &Parameters, name: &str, var: &Var) -> Result<Var> {
    match average.get(name) {
        Some(average) if average.dims() == var.dims() && average.dtype() == var.dtype() => {
            Ok(average)
        }
        _ => bail!("the moving average has no {name} of shape {:?}", var.dims()),
    }
}

pub(crate) fn one(average: &Var, var: &Var, name: &str, beta: f64) -> Result<()> {
    let p = var.as_detached_tensor();
    if is_buffer(name) {
        return average.set(&p);
    }
    if !(p.device().is_cpu() && p.dtype() == DType::F32) {
        return reference::average_towards(average, &p, beta);
    }
    let beta = beta as f32;
    with_slice_mut(average, |average| {
        with_slice(&p, |p| {
            if p.len() <= CHUNK {
                return kernel::average_towards(average, p, beta);
            }
            let chunks = average.par_chunks_mut(CHUNK).zip(p.par_chunks(CHUNK));
            chunks.for_each(|(average, p)| kernel::average_towards(average, p, beta));
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use candle_nn::Init;

    fn parameters(value: f64) -> Parameters {
        let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
        let vb = parameters.builder();
        for (name, n) in [("a.weight", 3 * CHUNK + 5), ("b.bias", 4), ("w_avg", 2)] {
            vb.get_with_hints(n, name, Init::Const(value)).unwrap();
        }
        parameters
    }

    fn values(parameters: &Parameters, name: &str) -> Vec<f32> {
        parameters.get(name).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn half_of_the_distance_is_left_after_the_half_life() {
        assert_eq!(decay(10_000, 10.0), 0.5);
        assert!((decay(16, 10.0).powi(625) - 0.5).abs() < 1e-12);
        assert_eq!(decay(16, 0.0), 0.0);
    }

    #[test]
    fn moves_parameters_and_copies_buffers() {
        let (average, current) = (parameters(0.0), parameters(1.0));
        update(&average, &current, 0.75).unwrap();
        assert_eq!(values(&average, "a.weight"), vec![0.25; 3 * CHUNK + 5]);
        assert_eq!(values(&average, "b.bias"), [0.25; 4]);
        assert_eq!(values(&average, "w_avg"), [1.0; 2]);
        update(&average, &current, 0.0).unwrap();
        assert_eq!(values(&average, "b.bias"), [1.0; 4]);
    }

    #[test]
    fn another_network_is_refused() {
        let other = Parameters::new(0, DType::F32, &Device::Cpu);
        let error = update(&other, &parameters(1.0), 0.5).unwrap_err();
        assert!(error.to_string().contains("a.weight"), "{error}");
    }

    #[test]
    fn the_plain_form_agrees() {
        let average = Var::new(&[1f64, -2.0], &Device::Cpu).unwrap();
        let current = Tensor::new(&[3f64, 2.0], &Device::Cpu).unwrap();
        reference::average_towards(&average, &current, 0.5).unwrap();
        assert_eq!(average.to_vec1::<f64>().unwrap(), [2.0, 0.0]);
    }
}
