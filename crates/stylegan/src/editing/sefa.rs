//! Directions from the weights themselves.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use candle_core::{DType, Device, Tensor};

use super::{EditError, checked, eigen};
use crate::GeneratorConfig;

/// A direction that the weights single out.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Its direction `[w_dim]` of length 1, in double precision. Its largest component is positive.
    pub direction: Tensor,
    /// How much the styles change along it: the eigenvalue.
    pub strength: f64,
}

/// The eigenvectors of `A^T A`, the largest eigenvalue first, where the rows of A are the style weights of the convolutions of `layers` (all if `None`):
/// the directions of `w` along which those layers' styles change most (Shen and Zhou 2021, section 3.2).
///
/// Layers are counted as styles are. In StyleGAN2 the style of a toRGB layer is not part of it; the last layer has no other.
///
/// # Errors
/// [`EditError::Layers`], [`EditError::NothingToFactorize`].
pub fn factorize(
    config: &GeneratorConfig,
    tensors: &BTreeMap<String, Tensor>,
    layers: Option<RangeInclusive<usize>>,
) -> Result<Vec<Factor>, EditError> {
    let blocks = config.synthesis.resolution.ilog2() as usize - 1;
    let layers = checked(layers, 2 * blocks)?;
    let second = config.synthesis.stylegan2.is_some();
    let mut gram =
        Tensor::zeros((config.synthesis.w_dim, config.synthesis.w_dim), DType::F64, &Device::Cpu)?;
    let mut found = false;
    for layer in layers.clone() {
        // StyleGAN2's smallest block has one convolution, the others two.
        let conv = if second { layer + 1 } else { layer };
        let name = format!("synthesis.b{}.conv{}.style.weight", 4 << (conv / 2), conv % 2);
        let Some(weight) = tensors.get(&name) else { continue };
        let weight = weight.to_dtype(DType::F64)?;
        gram = (gram + weight.t()?.contiguous()?.matmul(&weight)?)?;
        found = true;
    }
    if !found {
        let (first, last) = (*layers.start(), *layers.end());
        return Err(EditError::NothingToFactorize { first, last });
    }
    let found = eigen::symmetric(gram.to_vec2::<f64>()?).into_iter();
    let factors = found.map(|(strength, vector)| -> Result<Factor, EditError> {
        // An eigenvector has no sign of its own.
        let largest =
            vector.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        let direction = Tensor::new(vector.as_slice(), &Device::Cpu)?;
        Ok(Factor { direction: direction.affine(largest.signum(), 0.0)?, strength })
    });
    factors.collect()
}
