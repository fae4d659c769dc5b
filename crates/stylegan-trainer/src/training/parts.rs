//! Computing a batch in parts.

use candle_core::Result;
use rayon::prelude::*;
use stylegan_distributed::Group;
use stylegan_ops::in_pool;

/// A part of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    /// Its number in the whole batch, all ranks' parts counted.
    pub index: usize,
    /// Its first image, of those that this rank has.
    pub start: usize,
    /// How many images it has.
    pub size: usize,
    /// Its share of the whole batch.
    pub weight: f64,
}

/// The parts of this rank, where every rank has parts of the same `sizes`.
pub(super) fn parts(sizes: &[usize], group: &Group) -> Vec<Part> {
    let total = sizes.iter().sum::<usize>() * group.size();
    let first = sizes.len() * group.rank();
    let mut start = 0;
    let part = |(number, &size): (usize, &usize)| {
        start += size;
        let weight = size as f64 / total as f64;
        Part { index: first + number, start: start - size, size, weight }
    };
    sizes.iter().enumerate().map(part).collect()
}

/// Computes parts, `at_once` of them side by side, and hands their results to `fold` in the parts'
/// order: how many are computed at once changes the time and the memory, never a bit of the sum.
///
/// Side by side pays where the operations of one part are too small to keep all cores busy: between two of them, other
/// cores then have another part to work on.
pub(super) fn by_parts<T: Send>(
    parts: &[Part],
    at_once: usize,
    compute: impl Fn(Part) -> Result<T> + Sync,
    mut fold: impl FnMut(Part, T) -> Result<()>,
) -> Result<()> {
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
            by_parts(&parts(&[3, 3, 2], &Group::solo()), at_once, compute, |part, images| {
                assert_eq!(part.weight, part.size as f64 / 8.0);
                seen.extend(images);
                Ok(())
            })?;
            assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7]);
        }
        Ok(())
    }

    #[test]
    fn ranks_number_their_parts_one_after_another() {
        let ranks = stylegan_distributed::ThreadTransport::of(2);
        let found = ranks.into_iter().flat_map(|rank| parts(&[3, 1], &Group::over(rank)));
        let found: Vec<_> = found.map(|part| (part.index, part.start, part.weight)).collect();
        assert_eq!(found, [(0, 0, 0.375), (1, 3, 0.125), (2, 0, 0.375), (3, 3, 0.125)]);
    }

    #[test]
    fn an_error_ends_the_batch() {
        let compute = |part: Part| match part.index {
            1 => candle_core::bail!("no"),
            index => Ok(index),
        };
        let mut folded = Vec::new();
        let end = by_parts(&parts(&[1, 1, 1, 1], &Group::solo()), 1, compute, |_, index| {
            folded.push(index);
            Ok(())
        });
        assert!(end.is_err());
        assert_eq!(folded, [0]);
    }
}
