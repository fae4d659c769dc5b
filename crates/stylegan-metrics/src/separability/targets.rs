//! Which samples an attribute keeps, and on which side they are.

use super::passes::BLOCK;

/// Sides of samples by attribute: 1 and -1 for the two classes, 0 for a sample that the attribute does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets {
    attributes: usize,
    /// `[n, attributes]`.
    sides: Vec<i8>,
}

impl Targets {
    /// Of sides `[n, attributes]`: only the sign of a number counts.
    pub fn new(sides: Vec<i8>, attributes: usize) -> Self {
        let sides = sides.into_iter().map(i8::signum).collect();
        Self { attributes: attributes.max(1), sides }
    }

    /// Keeps, for each attribute, the `keep` samples whose score is farthest from zero, with the side that the score's sign
    /// says (zero counts as negative): `scores` `[n, attributes]`.
    ///
    /// The official metric orders by the larger of two probabilities, `sigmoid(2 |score|)`: the same order, but without the
    /// ties that rounding makes of confident scores. What ties remain go to the earlier sample. A score that is no number is
    /// never kept.
    pub fn most_confident(scores: &[f32], attributes: usize, keep: usize) -> Self {
        let attributes = attributes.max(1);
        let n = scores.len() / attributes;
        let mut sides = vec![0; n * attributes];
        let mut order: Vec<(f32, usize)> = Vec::with_capacity(n);
        for attribute in 0..attributes {
            let score = |sample: usize| scores[sample * attributes + attribute];
            order.clear();
            order.extend((0..n).map(|sample| (score(sample).abs(), sample)));
            order.retain(|(confidence, _)| !confidence.is_nan());
            let farthest_first =
                |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            if keep < order.len() && keep > 0 {
                order.select_nth_unstable_by(keep - 1, farthest_first);
            }
            order.truncate(keep);
            for &(_, sample) in &order {
                sides[sample * attributes + attribute] = if score(sample) > 0.0 { 1 } else { -1 };
            }
        }
        Self { attributes, sides }
    }

    /// How many attributes.
    pub fn attributes(&self) -> usize {
        self.attributes
    }

    /// How many samples.
    pub fn samples(&self) -> usize {
        self.sides.len() / self.attributes
    }

    /// All sides, `[n, attributes]`.
    pub fn sides(&self) -> &[i8] {
        &self.sides
    }

    /// Kept samples of an attribute: of the negative and of the positive side.
    pub fn counts(&self, attribute: usize) -> [usize; 2] {
        let of = |side| {
            self.sides
                .iter()
                .skip(attribute)
                .step_by(self.attributes)
                .filter(|&&s| s == side)
                .count()
        };
        [of(-1), of(1)]
    }

    /// The kept samples of an attribute, with their sides.
    pub(super) fn kept(&self, attribute: usize) -> impl Iterator<Item = (u32, i8)> {
        let sides = self.sides.iter().skip(attribute).step_by(self.attributes);
        (0..).zip(sides.copied()).filter(|(_, side)| *side != 0)
    }

    /// The first of every `stride` samples.
    pub(super) fn every(&self, stride: usize) -> Self {
        let rows = self.sides.chunks_exact(self.attributes).step_by(stride);
        Self { attributes: self.attributes, sides: rows.flatten().copied().collect() }
    }

    /// Those of the listed attributes.
    pub fn select(&self, keep: &[usize]) -> Self {
        let rows = self.sides.chunks_exact(self.attributes);
        let sides = rows.flat_map(|row| keep.iter().map(|&index| row[index])).collect();
        Self { attributes: keep.len().max(1), sides }
    }

    /// The sides of a block of samples.
    pub(super) fn block(&self, range: &std::ops::Range<usize>) -> &[i8] {
        debug_assert!(range.len() <= BLOCK);
        &self.sides[range.start * self.attributes..range.end * self.attributes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_confident_are_kept_and_ties_go_to_the_first() {
        // Two attributes, four samples.
        let scores = [0.1, 3.0, -2.0, -3.0, 2.0, 0.0, 0.5, f32::NAN];
        let targets = Targets::most_confident(&scores, 2, 2);
        assert_eq!(targets.sides(), [0, 1, -1, -1, 1, 0, 0, 0]);
        assert_eq!((targets.counts(0), targets.counts(1)), ([1, 1], [1, 1]));
        let all = Targets::most_confident(&scores, 2, 9);
        assert_eq!(all.sides(), [1, 1, -1, -1, 1, -1, 1, 0]);
        assert_eq!(all.select(&[1]).sides(), [1, -1, -1, 0]);
        assert_eq!(Targets::most_confident(&scores, 2, 0).sides(), [0; 8]);
    }
}
