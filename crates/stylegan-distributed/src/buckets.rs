//! Tensors put together into buckets, so that a sum over ranks carries few large messages instead of many small ones.

use std::ops::Range;

use candle_core::{DType, Result, Tensor};

/// Values of a bucket: 25 MB of `f32`.
pub(crate) const BUCKET: usize = 25_000_000 / 4;

/// Splits tensors of the given numbers of values, in their order, into buckets of at most `limit` values; one that is larger has a bucket
/// of its own.
pub(crate) fn plan(sizes: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut buckets = Vec::new();
    let (mut start, mut filled) = (0, 0);
    for (index, &size) in sizes.iter().enumerate() {
        if index > start && filled + size > limit {
            buckets.push(start..index);
            (start, filled) = (index, 0);
        }
        filled += size;
    }
    if start < sizes.len() {
        buckets.push(start..sizes.len());
    }
    buckets
}

/// One `f32` tensor `[n]` of the values of several, in storage of its own.
pub(crate) fn join(tensors: &[Tensor]) -> Result<Tensor> {
    let flat = tensors.iter().map(|tensor| tensor.detach().to_dtype(DType::F32)?.flatten_all());
    match flat.collect::<Result<Vec<_>>>()?.as_slice() {
        // One alone would not be copied, and sums may be made in place.
        [one] => one.contiguous()?.copy(),
        several => Tensor::cat(several, 0)?.contiguous(),
    }
}

/// The values of [`join`] as tensors of the shapes and types of `like`.
pub(crate) fn split(joined: &Tensor, like: &[Tensor]) -> Result<Vec<Tensor>> {
    let mut start = 0;
    let mut take = |like: &Tensor| {
        let values = joined.narrow(0, start, like.elem_count())?;
        start += like.elem_count();
        values.reshape(like.shape())?.to_dtype(like.dtype())
    };
    like.iter().map(&mut take).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn buckets_hold_neighbours_up_to_the_limit() {
        assert_eq!(plan(&[3, 3, 4, 1], 10), [0..3, 3..4]);
        assert_eq!(plan(&[3, 30, 4], 10), [0..1, 1..2, 2..3]);
        assert_eq!(plan(&[30, 1], 10), [0..1, 1..2]);
        assert_eq!(plan(&[5, 0, 5, 0, 1], 10), [0..4, 4..5]);
        assert!(plan(&[], 10).is_empty());
    }

    #[test]
    fn what_is_joined_is_split_again() -> Result<()> {
        let device = Device::Cpu;
        let tensors = [
            Tensor::arange(0f32, 6.0, &device)?.reshape((2, 3))?.t()?,
            Tensor::new(&[7f64, 8.0], &device)?,
            Tensor::new(9f32, &device)?,
        ];
        let joined = join(&tensors)?;
        assert_eq!(joined.to_vec1::<f32>()?, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 7.0, 8.0, 9.0]);
        let back = split(&joined, &tensors)?;
        assert_eq!(back[0].to_vec2::<f32>()?, tensors[0].to_vec2::<f32>()?);
        assert_eq!(back[1].to_vec1::<f64>()?, [7.0, 8.0]);
        assert_eq!((back[2].dims(), back[2].to_scalar::<f32>()?), (&[][..], 9.0));
        Ok(())
    }
}
