//! Adam and the moving average: three steps on the device beside three on the processor.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::Init;
use stylegan::Parameters;
use stylegan_ops::random::Stream;
use stylegan_testkit::relative_error;
use stylegan_trainer::optimizer::{Adam, AdamConfig};
use stylegan_trainer::{Gradients, average};

use super::report::Report;
use crate::failure::Failure;

/// Elements of the parameters: fewer than a chunk of a kernel, one chunk, and more.
const SIZES: [(&str, usize); 4] =
    [("a.bias", 3), ("b.weight", 4096), ("c.weight", 10_001), ("w_avg", 5)];

/// Steps, of which the last one has a gradient that is not finite.
const STEPS: u64 = 4;

/// Checks with and without a first moment.
///
/// # Errors
///
/// When a step cannot be computed.
pub fn check(device: &Device, report: &mut Report) -> std::result::Result<(), Failure> {
    for beta1 in [0.0, 0.9] {
        let (got, expected) = (after(beta1, device)?, after(beta1, &Device::Cpu)?);
        for ((name, got), (_, expected)) in got.iter().zip(&expected) {
            let what = format!("Adam, beta1 {beta1}, {name}");
            report.compare(&what, relative_error(got, expected), 1e-6);
        }
    }
    Ok(())
}

/// All parameters and averages after the steps.
fn after(beta1: f64, device: &Device) -> Result<Vec<(String, Tensor)>> {
    let make = || -> Result<Parameters> {
        let parameters = Parameters::new(0, DType::F32, device);
        for (name, size) in SIZES {
            let init = Init::Randn { mean: 0.0, stdev: 1.0 };
            parameters.builder().get_with_hints(size, name, init)?;
        }
        Ok(parameters)
    };
    let (parameters, averages) = (make()?, make()?);
    let mut adam = Adam::new(AdamConfig { beta1, ..AdamConfig::default() });
    for step in 0..STEPS {
        // Not every parameter has a gradient in every step.
        let named = SIZES.iter().enumerate().filter(|(place, (name, _))| {
            *name != "w_avg" && !(*place as u64 + step).is_multiple_of(3)
        });
        let gradients = named
            .map(|(place, (name, size))| {
                let gradient = Stream::new(5, step, place as u32).normal(*size, &Device::Cpu)?;
                let last = step + 1 == STEPS;
                let gradient = gradient.affine(if last { f64::INFINITY } else { 1.0 }, 0.0)?;
                Ok(((*name).to_owned(), gradient.to_device(device)?))
            })
            .collect::<Result<Gradients>>()?;
        adam.step_with_average(&parameters, &gradients, 0.01, &averages, 0.9)?;
        average::update(&averages, &parameters, 0.75)?;
    }
    let mut all = Vec::new();
    for (what, parameters) in [("", &parameters), ("average of ", &averages)] {
        all.extend(parameters.tensors().into_iter().map(|(name, x)| (format!("{what}{name}"), x)));
    }
    Ok(all)
}
