//! Changing images by moving their codes along directions of `w`.
//!
//! A direction is a vector `[w_dim]` of length 1. Three ways give some: the normals of linear classifiers in `w` (Shen et al. 2020, "Interpreting the
//! latent space of GANs"), read from a file; [class means](class_mean); and the weights themselves ([`factorize`]; Shen and Zhou 2021, "Closed-form
//! factorization of latent semantics in GANs"). [`conditional`] takes from a direction what it shares with others.

mod directions;
mod eigen;
mod sefa;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use candle_core::{DType, Result, Tensor};
use stylegan_checkpoint::CheckpointError;

pub use directions::Directions;
pub use sefa::{Factor, factorize};

/// Below this length, nothing is left of a direction.
const NOTHING: f64 = 1e-4;

/// An edit that cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// A file.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// There is no direction of this name.
    #[error("there is no direction `{name}`{}", known(nearest))]
    UnknownDirection {
        /// The name.
        name: String,
        /// Known ones, the likest first.
        nearest: Vec<String>,
    },
    /// A direction of another model's shape.
    #[error("{}: direction `{name}` has shape {found:?}, codes have {w_dim} components", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The direction.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// What it should be.
        w_dim: usize,
    },
    /// Layers that there are not.
    #[error("layers {first} to {last} were named, but the model has 0 to {}", layers - 1)]
    Layers {
        /// The first that was named.
        first: usize,
        /// The last that was named.
        last: usize,
        /// How many there are.
        layers: usize,
    },
    /// Layers without a convolution, whose weights could be factorised.
    #[error("layers {first} to {last} have no styles of convolutions to factorise")]
    NothingToFactorize {
        /// The first that was named.
        first: usize,
        /// The last that was named.
        last: usize,
    },
    /// More factors than there are components.
    #[error("factor {factor} was asked for, but a w of {w_dim} components has 0 to {}", w_dim - 1)]
    Factor {
        /// The factor.
        factor: usize,
        /// The number of components.
        w_dim: usize,
    },
    /// All or none of the codes have an attribute.
    #[error(
        "of {total} codes, {having} have `{attribute}`: there must be some with and some without it"
    )]
    OneClass {
        /// The attribute.
        attribute: String,
        /// The number of those that have it.
        having: usize,
        /// The number of codes.
        total: usize,
    },
    /// A direction that is a mixture of those that it shall be orthogonal to.
    #[error("nothing is left of the direction when the others are taken from it")]
    NothingLeft,
    /// A tensor.
    #[error("the edit cannot be computed")]
    Tensor(#[from] candle_core::Error),
}

fn known(nearest: &[String]) -> String {
    match nearest {
        [] => "; none is known".to_owned(),
        [first, rest @ ..] => {
            let more: String = rest.iter().map(|name| format!(", `{name}`")).collect();
            format!("; the nearest known: `{first}`{more}")
        }
    }
}

/// Codes `[N, layers, w_dim]`, in `layers` (all if `None`) moved by `strength` along a direction `[w_dim]`.
///
/// # Errors
/// [`EditError::Layers`], and where the shapes do not fit.
pub fn moved(
    ws: &Tensor,
    direction: &Tensor,
    strength: f64,
    layers: Option<RangeInclusive<usize>>,
) -> std::result::Result<Tensor, EditError> {
    let (_, count, dim) = ws.dims3()?;
    let layers = checked(layers, count)?;
    let mask: Vec<f32> = (0..count).map(|l| f32::from(u8::from(layers.contains(&l)))).collect();
    let mask = Tensor::from_vec(mask, (1, count, 1), ws.device())?.affine(strength, 0.0)?;
    let change = mask.broadcast_mul(&direction.to_dtype(DType::F32)?.reshape((1, 1, dim))?)?;
    Ok(ws.broadcast_add(&change.to_dtype(ws.dtype())?)?)
}

/// All layers if none were named, else those that were, if there are such.
fn checked(
    layers: Option<RangeInclusive<usize>>,
    count: usize,
) -> std::result::Result<RangeInclusive<usize>, EditError> {
    let Some(layers) = layers else { return Ok(0..=count - 1) };
    let (first, last) = (*layers.start(), *layers.end());
    if first > last || last >= count {
        return Err(EditError::Layers { first, last, layers: count });
    }
    Ok(layers)
}

/// The direction from the mean of the codes without an attribute to the mean of those with it: `w` `[N, w_dim]` and N times whether, to `[w_dim]` of
/// length 1.
///
/// # Errors
/// [`EditError::OneClass`] where one of the two has no code.
pub fn class_mean(
    w: &Tensor,
    has: &[bool],
    attribute: &str,
) -> std::result::Result<Tensor, EditError> {
    let having = has.iter().filter(|has| **has).count();
    if having == 0 || having == has.len() {
        let attribute = attribute.to_owned();
        return Err(EditError::OneClass { attribute, having, total: has.len() });
    }
    let (with, without) = (1.0 / having as f64, 1.0 / (has.len() - having) as f64);
    let weights: Vec<f64> = has.iter().map(|&has| if has { with } else { -without }).collect();
    let weights = Tensor::from_vec(weights, (1, has.len()), w.device())?;
    let difference = weights.matmul(&w.to_dtype(DType::F64)?)?.squeeze(0)?;
    unit(&difference)?.ok_or(EditError::NothingLeft)
}

/// What is left of a direction `[w_dim]` when everything along the others is taken from it, with length 1: moving along it leaves the others'
/// classifiers where they are (Shen et al. 2020, section 2.3).
///
/// # Errors
/// [`EditError::NothingLeft`].
pub fn conditional(
    direction: &Tensor,
    others: &[Tensor],
) -> std::result::Result<Tensor, EditError> {
    let mut basis: Vec<Tensor> = Vec::new();
    let without = |x: &Tensor, basis: &[Tensor]| -> Result<Tensor> {
        let mut x = x.to_dtype(DType::F64)?;
        // Twice, against rounding.
        for other in basis.iter().chain(basis) {
            let along = (&x * other)?.sum_all()?.to_scalar::<f64>()?;
            x = (x - other.affine(along, 0.0)?)?;
        }
        Ok(x)
    };
    for other in others {
        let Some(other) = unit(other)? else { continue };
        // One that is a mixture of the others takes nothing more.
        basis.extend(unit(&without(&other, &basis)?)?.map(|u| u.to_dtype(DType::F64)).transpose()?);
    }
    let direction = unit(direction)?.ok_or(EditError::NothingLeft)?;
    unit(&without(&direction, &basis)?)?.ok_or(EditError::NothingLeft)
}

/// A vector with length 1, in double precision; none for one without length.
pub(crate) fn unit(x: &Tensor) -> Result<Option<Tensor>> {
    let x = x.to_dtype(DType::F64)?;
    let length = x.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt();
    (length > NOTHING).then(|| x.affine(1.0 / length, 0.0)).transpose()
}
