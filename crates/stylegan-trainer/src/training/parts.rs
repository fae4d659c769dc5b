//! Computing a batch in parts.

use candle_core::Result;
use rayon::prelude::*;
use stylegan_ops::in_pool;

/// A part of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    /// Its number.
    pub index: usize,
    /// Its first image.
    pub start: usize,
    /// How many images it has.
    pub size: usize,
    /// Its share of the batch.
    pub weight: f64,
}

/// Computes the parts of the given sizes, `at_once` of them side by side, and hands their results to `fold` in the parts'
/// order: how many are computed at once changes the time and the memory, never a bit of the sum.
///
/// Side by side pays where the operations of one part are too small to keep all cores busy: between two of them, other
/// cores then have another part to work on.
pub(super) fn by_parts<T: Send>(
    sizes: &[usize],
    at_once: usize,
    compute: impl Fn(Part) -> Result<T> + Sync,
    mut fold: impl FnMut(Part, T) -> Result<()>,
) -> Result<()> {
    let total: usize = sizes.iter().sum();
    let mut start = 0;
    let parts: Vec<Part> = sizes
        .iter()
        .enumerate()
        .map(|(index, &size)| {
            start += size;
            Part { index, start: start - size, size, weight: size as f64 / total as f64 }
        })
        .collect();
    for parts in parts.chunks(at_once.max(1)) {
        let results: Vec<Result<T>> =
            in_pool(|| parts.par_iter().with_max_len(1).map(|&part| compute(part)).collect());
        for (part, result) in parts.iter().zip(results) {
            fold(*part, result?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_batch_and_come_in_order() -> Result<()> {
        for at_once in [0, 1, 2, 7] {
            let mut seen = Vec::new();
            let compute = |part: Part| Ok((part.start..part.start + part.size).collect::<Vec<_>>());
            by_parts(&[3, 3, 2], at_once, compute, |part, images| {
                assert_eq!(part.weight, part.size as f64 / 8.0);
                seen.extend(images);
                Ok(())
            })?;
            assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
        Ok(())
    }

    #[test]
    fn an_error_ends_the_batch() {
        let compute = |part: Part| match part.index {
            1 => candle_core::bail!("no"),
            index => Ok(index),
        };
        let mut folded = Vec::new();
        let end = by_parts(&[1, 1, 1, 1], 1, compute, |_, index| {
            folded.push(index);
            Ok(())
        });
        assert!(end.is_err());
        assert_eq!(folded, [0]);
    }
}
