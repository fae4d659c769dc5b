//! Half precision against float32: images, scores, and gradients of both orders.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod discriminator;
mod generator;

use candle_core::{Result, Tensor, Var};
use stylegan::{FloatFormat, Precision};
use stylegan_testkit::relative_error;

/// The formats of 16 bits.
const HALVES: [FloatFormat; 2] = [FloatFormat::Bfloat16, FloatFormat::Float16];

/// Two of the three resolutions of a small network.
fn half(dtype: FloatFormat) -> Precision {
    Precision { half_blocks: 2, ..Precision::official(dtype) }
}

/// The limits of errors in bfloat16 and float16, which have 8 and 11 binary digits.
type Limits = [f64; 2];

/// Of images and scores: some ten roundings.
const IMAGE: Limits = [2e-2, 4e-3];

/// Of gradients. The errors of activations are as small, but where one is rounded across the kink of the leaky ReLU, its gradient
/// changes by a factor of five: these errors go with the root of the others. With a slope of 1, gradients keep to the limits of images.
const GRADIENT: Limits = [0.2, 0.1];

/// What was compared, and lies further apart than it may.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    /// Compares with what float32 gives; the same bits would mean that nothing was rounded.
    fn compare(
        &mut self,
        what: &str,
        dtype: FloatFormat,
        (rounded, exact): (&Tensor, &Tensor),
        limits: Limits,
    ) {
        let error = relative_error(rounded, exact);
        let limit = if dtype == FloatFormat::Float16 { limits[1] } else { limits[0] };
        if !(1e-6..limit).contains(&error) || rounded.dtype() != exact.dtype() {
            self.0.push(format!("{what} in {dtype}: {error:.2e}, not below {limit:.0e}"));
        }
    }

    fn finish(self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

/// The gradients of `loss` with respect to all variables in one vector. A variable without a gradient counts as zeros.
fn gradient_vector(loss: &Tensor, vars: &[(String, Var)]) -> Result<Tensor> {
    let gradients = loss.backward()?;
    let all = vars.iter().map(|(_, var)| match gradients.get(var) {
        Some(gradient) => gradient.flatten_all(),
        None => var.zeros_like()?.flatten_all(),
    });
    Tensor::cat(&all.collect::<Result<Vec<_>>>()?, 0)
}
