//! The three products in plain candle operations.

use candle_core::{Result, Tensor};

use super::Product;

pub(super) fn product(product: Product, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
    // On a GPU candle's product takes whole matrices and their transposes, and not a part of a wider one.
    let (a, b) = (&a.contiguous()?, &b.contiguous()?);
    let raw = match product {
        Product::Output => a.matmul(&b.t()?)?,
        Product::Input => a.matmul(b)?,
        Product::Weight => b.t()?.matmul(a)?,
    };
    raw.affine(scale, 0.0)
}
