//! The fit of one attribute's support vector machine: margins, gradient, line search.

use super::cholesky::dot;
use super::conjugate::{Accuracy, Equation, Experience};
use super::passes::Samples;
use super::svm::{Separator, SvmSettings};
use super::targets::Targets;

/// How exactly a step's equations are solved: no better than the guess, which samples will be inside their margins, is worth.
pub(super) const ACCURACY: Accuracy = Accuracy { tolerance: 0.05, limit: 60 };

/// Samples whose sums are added in float32.
const CHUNK: usize = 256;

/// The share of the slope at its start at which a line search ends.
const FLAT: f64 = 0.02;

/// Times that a line search looks, at most.
const LOOKS: usize = 20;

/// A machine on its way.
pub(super) struct Machine {
    /// The plane, the bias last.
    pub plane: Vec<f64>,
    c: f64,
    /// Kept samples, in their order, and their sides.
    rows: Vec<u32>,
    sides: Vec<f32>,
    /// `1 - y (w . x + b)` of each: above zero inside the margin.
    short: Vec<f32>,
    /// Of the systems solved so far.
    pub experience: Experience,
    objective: f64,
    gap: f64,
    steps: usize,
}

/// A slope and its own slope, at some point of a line.
struct Slope {
    first: f64,
    second: f64,
}

impl Machine {
    /// Begins with a plane.
    pub fn new(attribute: usize, targets: &Targets, plane: &[f64], c: f64) -> Self {
        let (rows, sides): (Vec<u32>, Vec<f32>) =
            targets.kept(attribute).map(|(row, side)| (row, f32::from(side))).unzip();
        let short = vec![1.0; rows.len()];
        Self {
            plane: plane.to_vec(),
            c,
            rows,
            sides,
            short,
            experience: Experience::default(),
            objective: f64::NAN,
            gap: f64::NAN,
            steps: 0,
        }
    }

    /// Takes the products of samples with the plane.
    pub fn set_margins(&mut self, product: impl Fn(u32) -> f32) {
        for ((short, side), &row) in self.short.iter_mut().zip(&self.sides).zip(&self.rows) {
            *short = 1.0 - side * product(row);
        }
    }

    /// Objective and gap at the plane; the equations of the next Newton step, unless the machine is finished.
    pub fn look(&mut self, samples: &Samples<'_>, settings: &SvmSettings) -> Option<Equation> {
        let (mut used, mut factors, mut loss) = (Vec::new(), Vec::new(), 0.0);
        for (index, &short) in self.short.iter().enumerate() {
            if short > 0.0 {
                used.push(self.rows[index]);
                factors.push(2.0 * self.c as f32 * self.sides[index] * short);
                loss += f64::from(short) * f64::from(short);
            }
        }
        // The gradient, turned around.
        let mut right = samples.sum(&used, |place, _| factors[place]);
        right.iter_mut().zip(&self.plane).for_each(|(right, w)| *right -= w);
        let objective = 0.5 * dot(&self.plane, &self.plane) + self.c * loss;
        let gap = 0.5 * dot(&right, &right);
        // A gap that no longer shrinks is what float32 margins leave of it.
        let stalled =
            self.steps > 3 && gap >= self.gap && objective >= self.objective * (1.0 - 1e-9);
        (self.objective, self.gap) = (objective, gap);
        let there = gap <= settings.tolerance * objective;
        let goes_on = !there && !stalled && self.steps < settings.max_steps;
        goes_on.then_some(Equation { right, used })
    }

    /// Goes along a move, whose products with samples are given, to where the objective is least.
    pub fn go(&mut self, move_by: &[f64], product: impl Fn(u32) -> f32) {
        let kept = self.rows.iter().zip(&self.sides);
        let changes: Vec<f32> = kept.map(|(&row, side)| side * product(row)).collect();
        let length = self.line_search(move_by, &changes);
        self.plane.iter_mut().zip(move_by).for_each(|(w, s)| *w += length * s);
        self.short
            .iter_mut()
            .zip(&changes)
            .for_each(|(short, change)| *short -= length as f32 * change);
        self.steps += 1;
    }

    /// Where the slope, which grows piece by piece along a line, is nearly zero.
    fn line_search(&self, move_by: &[f64], changes: &[f32]) -> f64 {
        let along = [dot(&self.plane, move_by), dot(move_by, move_by)];
        let enough = FLAT * self.slope(along, changes, 0.0).first.abs();
        let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..LOOKS {
            let slope = self.slope(along, changes, length);
            if slope.first.is_nan() || slope.first.abs() <= enough {
                break;
            }
            if slope.first < 0.0 {
                low = length;
            } else {
                high = length;
            }
            let newton = length - slope.first / slope.second;
            length = if newton > low && newton < high {
                newton
            } else {
                0.5 * (low + high.min(2.0 * low + 2.0))
            };
        }
        length
    }

    /// Slope and curvature at a length; `along` has the products of the move with the plane and with itself.
    fn slope(&self, along: [f64; 2], changes: &[f32], length: f64) -> Slope {
        let step = length as f32;
        let (mut first, mut second) = (0.0, 0.0);
        for (short, changes) in self.short.chunks(CHUNK).zip(changes.chunks(CHUNK)) {
            let (mut a, mut b) = (0f32, 0f32);
            for (short, change) in short.iter().zip(changes) {
                let left = short - step * change;
                let inside = if left > 0.0 { *change } else { 0.0 };
                a -= inside * left;
                b += inside * inside;
            }
            first += f64::from(a);
            second += f64::from(b);
        }
        Slope {
            first: along[0] + length * along[1] + 2.0 * self.c * first,
            second: along[1] + 2.0 * self.c * second,
        }
    }

    /// What was found.
    pub fn separator(mut self) -> Separator {
        let bias = self.plane.pop().unwrap_or_default();
        let (objective, gap, steps) = (self.objective, self.gap, self.steps);
        Separator { weight: self.plane, bias, objective, gap, steps }
    }
}
