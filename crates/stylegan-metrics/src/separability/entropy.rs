//! How much a plane leaves unknown about an attribute.

use candle_core::{Result, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stylegan_ops::random::Stream;

use super::passes::{Directions, blocks, products};
use super::svm::Separator;
use super::targets::Targets;
use crate::Interval;

/// The stream of the bootstrap's weights.
const STREAM: u32 = 0xb008;

/// Times that samples are weighted anew.
const ROUNDS: u64 = 200;

/// How often each combination of sides came: `[plane][classifier]`, negative first.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Table(pub [[f64; 2]; 2]);

impl Table {
    /// The number of samples.
    pub fn total(&self) -> f64 {
        self.0.iter().flatten().sum()
    }

    /// The share of samples on which plane and classifier agree.
    pub fn accuracy(&self) -> f64 {
        (self.0[0][0] + self.0[1][1]) / self.total()
    }

    /// Whether the classifier put all samples into one class.
    pub fn one_class(&self) -> bool {
        (0..2).any(|class| self.0[0][class] + self.0[1][class] == 0.0)
    }

    /// `H(Y | X)` in bits: what is unknown of the classifier's verdict Y to who knows the side X of the plane.
    ///
    /// An attribute of one class has none to learn. The official metric cannot fit its machine then, and takes the attribute as
    /// perfectly separable: 0 as well.
    pub fn conditional_entropy(&self) -> f64 {
        let total = self.total();
        let cells = self.0.iter().flat_map(|row| {
            let side = row[0] + row[1];
            row.map(|cell| if cell > 0.0 { -cell / total * (cell / side).log2() } else { 0.0 })
        });
        cells.sum::<f64>().max(0.0)
    }
}

/// The score of linear separability: `2^sum` of the attributes' conditional entropies in bits, which is `exp` of their sum in nats (Karras et
/// al. 2019, section 4.2).
pub fn separability_score(tables: &[Table]) -> f64 {
    tables.iter().map(Table::conditional_entropy).sum::<f64>().exp2()
}

/// The table of each attribute over its kept samples. A product of zero counts as negative, as in scikit-learn.
///
/// # Errors
/// Where samples, planes and targets do not fit together.
pub fn tables(x: &Tensor, planes: &[Separator], targets: &Targets) -> Result<Vec<Table>> {
    Ok(Cells::new(x, planes, targets)?.tables(|_| 1.0))
}

/// The score with its 95 % interval by the bootstrap over samples; the planes stay, so the interval holds for the planes that
/// were found.
///
/// Each round weights every sample by a Poisson number of mean 1, the same for all attributes, which is what drawing as many samples
/// again comes to.
///
/// # Errors
/// As [`tables`].
pub fn score_with_interval(
    x: &Tensor,
    planes: &[Separator],
    targets: &Targets,
    seed: u64,
) -> Result<(Vec<Table>, f64, Interval)> {
    let cells = Cells::new(x, planes, targets)?;
    let tables = cells.tables(|_| 1.0);
    let score = separability_score(&tables);
    let mut scores: Vec<f64> = (0..ROUNDS)
        .into_par_iter()
        .map(|round| {
            let stream = Stream::new(seed, round, STREAM);
            separability_score(&cells.tables(|sample| poisson(stream.bits_at(sample as u64)[0])))
        })
        .collect();
    scores.sort_by(f64::total_cmp);
    let at = |share: f64| scores[(share * (scores.len() - 1) as f64).round() as usize];
    Ok((tables, score, Interval { low: at(0.025), high: at(0.975) }))
}

/// Which cell of its attribute's table each sample is in.
struct Cells {
    attributes: usize,
    /// `[n, attributes]`: `2 * plane + classifier`, or 4 for a sample that is not kept.
    cells: Vec<u8>,
}

impl Cells {
    fn new(x: &Tensor, planes: &[Separator], targets: &Targets) -> Result<Self> {
        let (n, dim) = x.dims2()?;
        let attributes = targets.attributes();
        if targets.samples() != n || planes.len() != attributes {
            candle_core::bail!(
                "{n} samples and {} planes, but sides of {} samples by {attributes} attributes",
                planes.len(),
                targets.samples(),
            );
        }
        let values =
            planes.iter().flat_map(|plane| plane.weight.iter().copied().chain([plane.bias]));
        let directions = Directions { count: attributes, width: dim + 1, values: values.collect() };
        if directions.values.len() != attributes * (dim + 1) {
            candle_core::bail!("planes of another dimension than the samples' {dim}");
        }
        let cell = |(&product, &side): (&f32, &i8)| match side {
            0 => 4,
            side => 2 * u8::from(product > 0.0) + u8::from(side > 0),
        };
        let products = products(&x.contiguous()?, &directions)?;
        let cells = products.values().iter().zip(targets.sides()).map(cell).collect();
        Ok(Self { attributes, cells })
    }

    /// The tables with a weight for each sample.
    fn tables(&self, weight: impl Fn(usize) -> f64 + Sync + Send) -> Vec<Table> {
        let n = self.cells.len() / self.attributes;
        let parts: Vec<Vec<f64>> = blocks(n)
            .into_par_iter()
            .map(|range| {
                let mut counts = vec![0.0; 5 * self.attributes];
                for sample in range {
                    let weight = weight(sample);
                    if weight == 0.0 {
                        continue;
                    }
                    let cells =
                        &self.cells[sample * self.attributes..(sample + 1) * self.attributes];
                    for (counts, &cell) in counts.chunks_exact_mut(5).zip(cells) {
                        counts[usize::from(cell)] += weight;
                    }
                }
                counts
            })
            .collect();
        let mut tables = vec![Table::default(); self.attributes];
        for part in &parts {
            for (table, counts) in tables.iter_mut().zip(part.chunks_exact(5)) {
                for (cell, count) in counts.iter().take(4).enumerate() {
                    table.0[cell / 2][cell % 2] += count;
                }
            }
        }
        tables
    }
}

/// A Poisson number of mean 1 from uniform bits.
fn poisson(bits: u32) -> f64 {
    let mut rest = (f64::from(bits) + 0.5) / 4_294_967_296.0;
    let (mut count, mut probability) = (0.0, (-1.0f64).exp());
    while rest > probability && count < 16.0 {
        rest -= probability;
        count += 1.0;
        probability /= count;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_by_hand() {
        // Sides know nothing: one bit. Sides know all: none. One class: none.
        assert_eq!(Table([[25.0, 25.0], [25.0, 25.0]]).conditional_entropy(), 1.0);
        assert_eq!(Table([[50.0, 0.0], [0.0, 50.0]]).conditional_entropy(), 0.0);
        let one = Table([[30.0, 0.0], [20.0, 0.0]]);
        assert!(one.one_class() && one.conditional_entropy() == 0.0);
        // Half of the samples are known; of the others three in four are of one class: h(1/4) / 2.
        let table = Table([[40.0, 0.0], [10.0, 30.0]]);
        let h = -0.25 * 0.25f64.log2() - 0.75 * 0.75f64.log2();
        assert!((table.conditional_entropy() - h / 2.0).abs() < 1e-12);
        assert!((table.accuracy() - 70.0 / 80.0).abs() < 1e-12);
    }

    #[test]
    fn bits_and_nats_give_one_score() {
        let tables = [Table([[40.0, 5.0], [10.0, 30.0]]), Table([[4.0, 5.0], [1.0, 3.0]])];
        let nats: f64 =
            tables.iter().map(|table| table.conditional_entropy() * std::f64::consts::LN_2).sum();
        assert!((separability_score(&tables) - nats.exp()).abs() < 1e-12);
    }

    #[test]
    fn poisson_has_mean_and_variance_one() {
        let stream = Stream::new(3, 0, 0);
        let values: Vec<f64> = (0..20_000).map(|index| poisson(stream.bits_at(index)[0])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance =
            values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
        assert!((mean - 1.0).abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
