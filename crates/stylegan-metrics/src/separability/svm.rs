//! Linear support vector machines of many attributes over the same samples.

use std::ops::Range;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::cholesky::dot;
use super::conjugate::Systems;
use super::passes::{Directions, blocks, products, sums};
use super::targets::Targets;

/// How a support vector machine is fitted; `Default` is what the official metric uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SvmSettings {
    /// The penalty of samples on the wrong side of their margin (1).
    pub c: f64,
    /// The fit ends when the duality gap is at most so much of the objective (1e-6).
    pub tolerance: f64,
    /// Newton steps after which it ends in any case (60).
    pub max_steps: usize,
}

impl Default for SvmSettings {
    fn default() -> Self {
        Self { c: 1.0, tolerance: 1e-6, max_steps: 60 }
    }
}

/// A plane between two classes, and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Separator {
    /// The normal `[dim]`: it points to the positive side.
    pub weight: Vec<f64>,
    /// Added to the product.
    pub bias: f64,
    /// The objective at this plane.
    pub objective: f64,
    /// The duality gap: the optimum is at most so far below the objective.
    pub gap: f64,
    /// Newton steps.
    pub steps: usize,
}

/// Fits a machine to each attribute: the minimum of
///
/// ```text
/// |w|^2 / 2 + b^2 / 2 + C * sum over kept samples of max(0, 1 - y (w . x + b))^2
/// ```
///
/// which is scikit-learn's `LinearSVC` with its default arguments: squared hinge, the bias penalized like a weight. `x` is
/// `[n, dim]`, float32. An attribute whose kept samples are of one class gets the machine that is optimal for them; see
/// [`Table::one_class`](super::Table::one_class) for what the metric says then.
///
/// Newton's method in the primal (Keerthi and DeCoste 2005): the objective is quadratic wherever the set of samples inside their
/// margins is the same. The steps' equations are solved by conjugate gradients, all attributes in lock-step, so that one pass over
/// the samples serves all of them as two matrix products, preconditioned with the factor of the second moments that they share.
/// The objective minus the quadratic part is convex, so half the gradient's squared length bounds the distance to the optimum; it
/// equals the duality gap at the multipliers `2 C max(0, 1 - y m)`.
///
/// The result does not depend on the number of threads.
///
/// # Errors
/// Where `x` is no matrix of float32 on the CPU.
pub fn linear_svm(x: &Tensor, targets: &Targets, settings: &SvmSettings) -> Result<Vec<Separator>> {
    let (n, dim) = x.dims2()?;
    if targets.samples() != n {
        candle_core::bail!("{n} samples, but sides of {}", targets.samples());
    }
    let x = x.contiguous()?;
    let mut fit = Fit::new(&x, targets, settings)?;
    while !fit.active.is_empty() {
        fit.step()?;
    }
    let objectives = fit.finished.into_iter();
    let separators = objectives.enumerate().map(|(index, (objective, gap, steps))| {
        let row = fit.planes.row(index);
        Separator { weight: row[..dim].to_vec(), bias: row[dim], objective, gap, steps }
    });
    Ok(separators.collect())
}

struct Fit<'a> {
    x: &'a Tensor,
    targets: &'a Targets,
    settings: &'a SvmSettings,
    systems: Systems<'a>,
    /// Of all attributes.
    planes: Directions,
    /// `w . x + b`, `[n, attributes]`.
    margins: Vec<f32>,
    /// The attributes that are not finished.
    active: Vec<usize>,
    /// Objective, gap and steps of each attribute.
    finished: Vec<(f64, f64, usize)>,
    steps: usize,
}

/// A direction's slope and curvature at some point of a line.
#[derive(Clone, Copy, Default)]
struct Slope {
    first: f64,
    second: f64,
}

impl<'a> Fit<'a> {
    fn new(x: &'a Tensor, targets: &'a Targets, settings: &'a SvmSettings) -> Result<Self> {
        let ((n, dim), count) = (x.dims2()?, targets.attributes());
        Ok(Self {
            x,
            targets,
            settings,
            systems: Systems::new(x, settings.c)?,
            planes: Directions::zeros(count, dim + 1),
            margins: vec![0.0; n * count],
            active: (0..count).collect(),
            finished: vec![(f64::NAN, f64::NAN, 0); count],
            steps: 0,
        })
    }

    /// Finishes the attributes that are there, and moves the others by one Newton step.
    fn step(&mut self) -> Result<()> {
        let (gradient, losses) = self.gradient()?;
        let mut still = Vec::new();
        for (index, &attribute) in self.active.iter().enumerate() {
            let (plane, gradient) = (self.planes.row(attribute), gradient.row(index));
            let objective = 0.5 * dot(plane, plane) + losses[index];
            let gap = 0.5 * dot(gradient, gradient);
            let before =
                std::mem::replace(&mut self.finished[attribute], (objective, gap, self.steps));
            // A gap that no longer shrinks is what float32 margins leave of it.
            let stalled = self.steps > 3 && gap >= before.1 && objective >= before.0 * (1.0 - 1e-9);
            let there = gap <= self.settings.tolerance * objective;
            if !there && !stalled && self.steps < self.settings.max_steps {
                still.push(index);
            }
        }
        let gradient = gradient.select(&still);
        self.active = still.iter().map(|&index| self.active[index]).collect();
        if self.active.is_empty() {
            return Ok(());
        }
        self.steps += 1;
        let used = self.inside_margins();
        let right = Directions { values: gradient.values.iter().map(|g| -g).collect(), ..gradient };
        let attributes = self.targets.attributes();
        let at = (self.active.as_slice(), attributes);
        // At first the set of samples inside their margins is a guess, not worth an exact step.
        let tolerance = if self.steps <= 2 { 0.2 } else { 0.05 };
        let (moves, _) = self.systems.solve(&right, &used, at, tolerance, 40)?;
        let changes = products(self.x, &moves)?;
        let lengths = self.line_search(&moves, &changes);
        self.advance(&moves, &changes, &lengths);
        Ok(())
    }

    /// The gradients of the active attributes, and their losses without the penalty of the plane.
    fn gradient(&self) -> Result<(Directions, Vec<f64>)> {
        let (count, c) = (self.active.len(), self.settings.c);
        let mut gradient = sums(self.x, count, |range| {
            let mut values = vec![0.0; range.len() * count];
            self.each(&range, |row, index, side, margin| {
                let short = 1.0 - side * margin;
                values[row * count + index] =
                    if short > 0.0 { -2.0 * c as f32 * side * short } else { 0.0 };
            });
            Ok(values)
        })?;
        for (index, &attribute) in self.active.iter().enumerate() {
            for (g, w) in gradient.row_mut(index).iter_mut().zip(self.planes.row(attribute)) {
                *g += w;
            }
        }
        let losses = self.totals(|range| {
            let mut losses = vec![0.0; count];
            self.each(&range, |_, index, side, margin| {
                let short = f64::from((1.0 - side * margin).max(0.0));
                losses[index] += c * short * short;
            });
            losses
        });
        Ok((gradient, losses))
    }

    /// Whether a sample is kept and inside its margin, `[n, attributes]`.
    fn inside_margins(&self) -> Vec<bool> {
        let pairs = self.targets.sides().par_iter().zip(&self.margins);
        pairs.map(|(&side, &margin)| side != 0 && f32::from(side) * margin < 1.0).collect()
    }

    /// How far to go along each move, whose products with the samples are `changes`: the point where the slope, which grows
    /// piece by piece along a line, is a tenth of what it was at the start, or less.
    fn line_search(&self, moves: &Directions, changes: &[f32]) -> Vec<f64> {
        let count = self.active.len();
        let start: Vec<f64> =
            self.slopes(moves, changes, &vec![0.0; count]).iter().map(|s| s.first).collect();
        let mut lengths = vec![1.0; count];
        let mut brackets = vec![(0.0, f64::INFINITY); count];
        for _ in 0..12 {
            let slopes = self.slopes(moves, changes, &lengths);
            let mut good = true;
            for (index, slope) in slopes.iter().enumerate() {
                if slope.first.is_nan() || slope.first.abs() <= 0.1 * start[index].abs() {
                    continue;
                }
                good = false;
                let (low, high) = &mut brackets[index];
                if slope.first < 0.0 {
                    *low = lengths[index];
                } else {
                    *high = lengths[index];
                }
                let newton = lengths[index] - slope.first / slope.second;
                lengths[index] = if newton > *low && newton < *high {
                    newton
                } else {
                    0.5 * (*low + high.min(2.0 * *low + 2.0))
                };
            }
            if good {
                break;
            }
        }
        lengths
    }

    /// Slope and curvature of the objective along the moves, at these lengths.
    fn slopes(&self, moves: &Directions, changes: &[f32], lengths: &[f64]) -> Vec<Slope> {
        let (count, c) = (self.active.len(), self.settings.c);
        let totals = self.totals(|range| {
            let mut totals = vec![0.0; 2 * count];
            let changes = &changes[range.start * count..range.end * count];
            self.each(&range, |row, index, side, margin| {
                let change = changes[row * count + index];
                let short = 1.0 - side * (margin + lengths[index] as f32 * change);
                if short > 0.0 {
                    totals[2 * index] -= f64::from(side * change * short);
                    totals[2 * index + 1] += f64::from(change * change);
                }
            });
            totals
        });
        let slope = |(index, &attribute): (usize, &usize)| {
            let (w, s) = (self.planes.row(attribute), moves.row(index));
            let squared = dot(s, s);
            Slope {
                first: dot(w, s) + lengths[index] * squared + 2.0 * c * totals[2 * index],
                second: squared + 2.0 * c * totals[2 * index + 1],
            }
        };
        self.active.iter().enumerate().map(slope).collect()
    }

    fn advance(&mut self, moves: &Directions, changes: &[f32], lengths: &[f64]) {
        for (index, &attribute) in self.active.iter().enumerate() {
            for (w, s) in self.planes.row_mut(attribute).iter_mut().zip(moves.row(index)) {
                *w += lengths[index] * s;
            }
        }
        let (attributes, count, active) =
            (self.targets.attributes(), self.active.len(), &self.active);
        let rows =
            self.margins.par_chunks_exact_mut(attributes).zip(changes.par_chunks_exact(count));
        rows.with_min_len(1024).for_each(|(margins, changes)| {
            for ((change, &attribute), length) in changes.iter().zip(active).zip(lengths) {
                margins[attribute] += *length as f32 * change;
            }
        });
    }

    /// Calls `work(row, index, side, margin)` for the kept samples of a block, by active attribute.
    #[inline(always)]
    fn each(&self, range: &Range<usize>, mut work: impl FnMut(usize, usize, f32, f32)) {
        let attributes = self.targets.attributes();
        let sides = self.targets.block(range).chunks_exact(attributes);
        let margins =
            self.margins[range.start * attributes..range.end * attributes].chunks_exact(attributes);
        for (row, (sides, margins)) in sides.zip(margins).enumerate() {
            for (index, &attribute) in self.active.iter().enumerate() {
                let side = sides[attribute];
                if side != 0 {
                    work(row, index, f32::from(side), margins[attribute]);
                }
            }
        }
    }

    /// Sums over blocks, in their order.
    fn totals(&self, of_block: impl Fn(Range<usize>) -> Vec<f64> + Sync + Send) -> Vec<f64> {
        let n = self.targets.samples();
        let parts: Vec<Vec<f64>> = blocks(n).into_par_iter().map(of_block).collect();
        let mut totals = vec![0.0; parts.first().map_or(0, Vec::len)];
        for part in &parts {
            totals.iter_mut().zip(part).for_each(|(total, value)| *total += value);
        }
        totals
    }
}
