//! The update in plain candle operations: any device, any floating type.

use candle_core::{Result, Tensor, Var};

use super::{Coefficients, Slot};

pub(super) fn update(
    var: &Var,
    gradient: &Tensor,
    slot: &Slot,
    c: Coefficients,
    average: Option<(Var, f64)>,
) -> Result<()> {
    let p = var.as_detached_tensor();
    if let Some((average, beta)) = average {
        average_towards(&average, &p, beta)?;
    }
    let v = (slot.v.as_detached_tensor() * c.beta2)?;
    let v = (v + (gradient.sqr()? * (1.0 - c.beta2))?)?;
    let m = match &slot.m {
        Some(var) => {
            let m = (var.as_detached_tensor() * c.beta1)?;
            let m = (m + (gradient * (1.0 - c.beta1))?)?;
            var.set(&m)?;
            m
        }
        None => gradient.clone(),
    };
    let root = v.sqrt()?.affine(c.inverse_root, c.epsilon)?;
    slot.v.set(&v)?;
    var.set(&(p - (m * c.step_size)?.div(&root)?)?)
}

/// `average = p + (average - p) * beta`.
pub(crate) fn average_towards(average: &Var, p: &Tensor, beta: f64) -> Result<()> {
    let moved = (p + ((average.as_detached_tensor() - p)? * beta)?)?;
    average.set(&moved)
}
