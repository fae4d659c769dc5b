//! Finding gradients that are not finite.

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;
use stylegan_ops::not_finite;

use crate::gradients::Gradients;
use crate::slices::{CHUNK, with_slice};

/// The first parameter, in the order of names, whose gradient has a NaN or an infinity.
pub(super) fn first_not_finite(gradients: &Gradients) -> Result<Option<String>> {
    let all: Vec<(&str, Tensor)> = gradients
        .iter()
        .map(|(name, gradient)| Ok((name, gradient.detach().contiguous()?)))
        .collect::<Result<_>>()?;
    let tensors: Vec<&Tensor> = all.iter().map(|(_, gradient)| gradient).collect();
    if let Some(flags) = not_finite(&tensors)? {
        let found = all.iter().zip(flags).find(|(_, flag)| *flag);
        return Ok(found.map(|((name, _), _)| (*name).to_owned()));
    }
    for (name, gradient) in gradients.iter() {
        if !is_finite(gradient)? {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

fn is_finite(tensor: &Tensor) -> Result<bool> {
    let tensor = tensor.detach().contiguous()?;
    if tensor.device().is_cpu() && tensor.dtype() == DType::F32 {
        return with_slice(&tensor, |values| values.par_chunks(CHUNK).all(all_finite));
    }
    // Zero times a number is zero unless the number is not finite.
    let sum = (tensor * 0.0)?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    Ok(sum == 0.0)
}

/// Without an early end, so that the loop becomes vector instructions.
fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    values.iter().fold(true, |all, x| all & ((x.to_bits() & EXPONENT) != EXPONENT))
}
