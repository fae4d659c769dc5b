//! Codes with some styles from elsewhere: many outputs for one input.

use candle_core::{Result, Tensor};

use crate::PspError;

/// Codes `[N, styles, w_dim]` whose styles `layers` are `alpha` parts of `injected` `[N, styles, w_dim]` and `1 - alpha` parts their
/// own (Richardson et al. 2021, section 5: style mixing on the latents of fine layers). An `alpha` of 1 replaces them.
///
/// # Errors
/// [`PspError::Layer`] for a style that there is not; injected codes of another shape.
///
/// # Example
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let codes = Tensor::zeros((1, 3, 2), DType::F32, &Device::Cpu)?;
/// let mixed = stylegan_psp::inject(&codes, &codes.ones_like()?, &[2], 0.5)?;
/// assert_eq!(mixed.flatten_all()?.to_vec1::<f32>()?, [0., 0., 0., 0., 0.5, 0.5]);
/// # Ok::<(), stylegan_psp::PspError>(())
/// ```
pub fn inject(
    codes: &Tensor,
    injected: &Tensor,
    layers: &[usize],
    alpha: f64,
) -> std::result::Result<Tensor, PspError> {
    let (_, styles, _) = codes.dims3()?;
    if let Some(&layer) = layers.iter().find(|&&layer| layer >= styles) {
        return Err(PspError::Layer { layer, styles });
    }
    if codes.dims() != injected.dims() {
        let found = injected.dims().to_vec();
        let expected = (styles, codes.dim(2)?);
        return Err(PspError::Decoder {
            encoder: expected,
            decoder: (found.get(1).copied().unwrap_or(0), found.get(2).copied().unwrap_or(0)),
        });
    }
    let rows = (0..styles).map(|layer| {
        let own = codes.narrow(1, layer, 1)?;
        if !layers.contains(&layer) {
            return Ok(own);
        }
        injected.narrow(1, layer, 1)?.affine(alpha, 0.0)? + own.affine(1.0 - alpha, 0.0)?
    });
    Ok(Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stylegan_testkit::synthetic;

    #[test]
    fn a_style_that_there_is_not_is_named() {
        let codes = synthetic("c", (2, 4, 3), 0.0, 1.0);
        let error = inject(&codes, &codes, &[1, 4], 1.0).unwrap_err().to_string();
        assert_eq!(error, "there is no style 4: the codes have styles 0 to 3");
        let other = synthetic("o", (2, 5, 3), 0.0, 1.0);
        assert!(inject(&codes, &other, &[1], 1.0).is_err());
    }

    #[test]
    fn no_layers_change_nothing() -> Result<()> {
        let codes = synthetic("c", (2, 4, 3), 0.0, 1.0);
        let mixed = inject(&codes, &codes.zeros_like()?, &[], 1.0).unwrap();
        stylegan_testkit::assert_same_bits("codes", &mixed, &codes);
        Ok(())
    }
}
