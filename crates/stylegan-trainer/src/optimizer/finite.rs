//! Finding gradients that are not finite.

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;
use stylegan_ops::NotFinite;

use crate::gradients::Gradients;
use crate::slices::{CHUNK, with_slice};

/// The first parameter, in the order of names, whose gradient has a NaN or an infinity.
pub(super) fn first_not_finite(gradients: &Gradients) -> Result<Option<String>> {
    if let Some(flags) = on_gpu(gradients)? {
        return first(gradients.iter().map(|(name, _)| name), &flags);
    }
    for (name, gradient) in gradients.iter() {
        if !is_finite(gradient)? {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

/// A flag for each gradient, in the order of names, which stays on the GPU; none where the gradients are elsewhere.
pub(super) fn on_gpu(gradients: &Gradients) -> Result<Option<NotFinite>> {
    let all = gradients.iter().map(|(_, gradient)| gradient.detach().contiguous());
    let all = all.collect::<Result<Vec<Tensor>>>()?;
    NotFinite::among(&all.iter().collect::<Vec<_>>())
}

/// The first of `names` with a flag; waits for the GPU.
pub(super) fn first<'a>(
    names: impl Iterator<Item = &'a str>,
    flags: &NotFinite,
) -> Result<Option<String>> {
    let found = names.zip(flags.read()?).find(|(_, flag)| *flag);
    Ok(found.map(|(name, _)| name.to_owned()))
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
