//! Half precision: tensors kept in bfloat16 or float16, computed with in float32.
//!
//! ```text
//! y = round(op(x in float32, ...))        gx = round(the gradient in float32 of the rounded g)
//! ```
//!
//! An operation on activations of half precision is the operation in float32 on the same numbers. Its result is rounded to the type of the activations, and
//! every gradient to the type of what it belongs to. Weights of products are rounded to the activations' type first, as a GPU takes them; parameters of
//! channels, styles and noise maps are not. Operations that are made of several round between them, whole layers too. Sums over the positions of a plane or a kernel ([`channel_dot`](crate::channel_dot),
//! [`kernel_energy`](crate::kernel_energy)) stay in float32, since float16 ends at 65504.

#[cfg(test)]
mod tests;

use candle_core::{DType, Result, Tensor};

/// Whether numbers of this type have 16 bits.
pub(crate) fn is_half(dtype: DType) -> bool {
    matches!(dtype, DType::BF16 | DType::F16)
}

/// Half precision in float32, and any other type as it is. Tracked.
pub(crate) fn wide(x: &Tensor) -> Result<Tensor> {
    if is_half(x.dtype()) { x.to_dtype(DType::F32) } else { Ok(x.clone()) }
}

/// `op` on the tensors in float32, its result rounded to the type of the first of them. Tracked.
pub(crate) fn widened<const N: usize>(
    tensors: [&Tensor; N],
    op: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let all = tensors.into_iter().map(wide).collect::<Result<Vec<_>>>()?;
    op(std::array::from_fn(|i| &all[i]))?.to_dtype(tensors[0].dtype())
}

/// The other factor `w` of a product with x: in the type of x where either has half precision. Tracked.
pub(crate) fn matching(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    if is_half(x.dtype()) || is_half(w.dtype()) { w.to_dtype(x.dtype()) } else { Ok(w.clone()) }
}
