//! Adam for a handful of tensors (Kingma and Ba 2015).

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The moments of each variable.
#[derive(Default)]
pub(super) struct Adam {
    step: i32,
    moments: HashMap<String, (Tensor, Tensor)>,
}

impl Adam {
    /// Updates the variables that have a gradient.
    pub(super) fn step<'a>(
        &mut self,
        vars: impl Iterator<Item = (&'a str, &'a Var)>,
        gradients: &GradStore,
        rate: f64,
    ) -> Result<()> {
        self.step += 1;
        let first = 1.0 - BETA1.powi(self.step);
        let second = 1.0 - BETA2.powi(self.step);
        for (name, var) in vars {
            let Some(gradient) = gradients.get(var) else { continue };
            let gradient = gradient.detach();
            let (m, v) = match self.moments.get(name) {
                Some((m, v)) => (m.clone(), v.clone()),
                None => (gradient.zeros_like()?, gradient.zeros_like()?),
            };
            let m = (m.affine(BETA1, 0.0)? + gradient.affine(1.0 - BETA1, 0.0)?)?;
            let v = (v.affine(BETA2, 0.0)? + gradient.sqr()?.affine(1.0 - BETA2, 0.0)?)?;
            let root = v.affine(1.0 / second, 0.0)?.sqrt()?.affine(1.0, EPSILON)?;
            let change = (m.affine(rate / first, 0.0)? / root)?;
            var.set(&(var.as_detached_tensor() - change)?)?;
            self.moments.insert(name.to_owned(), (m, v));
        }
        Ok(())
    }
}
