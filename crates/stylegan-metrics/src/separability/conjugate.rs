//! Preconditioned conjugate gradients for many least-squares systems that share their samples.

use std::sync::OnceLock;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::cholesky::{Cholesky, dot};
use super::passes::{Directions, Samples, product_sums, second_moments};

/// Samples from which the common moments are taken, at most: enough that their condition is set by the data, not by chance.
const MOMENT_SAMPLES: usize = 1 << 14;

/// Products after which a system gets a preconditioner of its own for the next solution.
const MANY: usize = 30;

/// Samples in use that such a preconditioner is made of, at most. With fewer in use it is the system's own factor.
const OWN_SAMPLES: usize = 4096;

/// Systems that use more than one of so many samples share their passes over all of them.
const LARGE: usize = 10;

/// The common preconditioners: for numbers of samples in use that are powers of 4.
const LEVELS: usize = 16;

/// Systems `(I + 2 C sum of x x^T over the samples in use) s = b`, with the bias as the last component.
pub(super) struct Systems<'a> {
    pub samples: &'a Samples<'a>,
    c: f64,
    moments: Vec<f64>,
    /// Factors of what the moments of all samples say of so many in use.
    common: [OnceLock<Cholesky>; LEVELS],
}

/// One system: the right side `[dim + 1]`, and the samples in use, in their order.
pub(super) struct Equation {
    pub right: Vec<f64>,
    pub used: Vec<u32>,
}

/// What the solutions of an attribute's systems, which follow one another and are alike, hand on.
#[derive(Default)]
pub(super) struct Experience {
    /// A preconditioner of samples that were in use.
    own: Option<Cholesky>,
    /// Products that the last solution took.
    pub products: usize,
}

/// How exactly systems are solved.
#[derive(Clone, Copy)]
pub(super) struct Accuracy {
    /// Until the residual is this share of the right side, both measured with the preconditioner.
    pub tolerance: f64,
    /// Or until so many products have been made.
    pub limit: usize,
}

impl<'a> Systems<'a> {
    /// Over samples `[n, dim]` with the penalty C.
    pub fn new(samples: &'a Samples<'a>, c: f64) -> Result<Self> {
        let stride = samples.tensor.dim(0)?.div_ceil(MOMENT_SAMPLES);
        let moments = second_moments(samples.tensor, stride)?;
        Ok(Self { samples, c, moments, common: Default::default() })
    }

    /// Solves the systems of several attributes. Those with many samples in use share passes over all samples, as two matrix products each.
    pub fn solve(
        &self,
        equations: &[Equation],
        experience: &mut [&mut Experience],
        accuracy: Accuracy,
    ) -> Result<Vec<Vec<f64>>> {
        let pairs = equations.par_iter().zip(experience.par_iter_mut());
        pairs.try_for_each(|(equation, experience)| self.renew(equation, experience))?;
        let mut systems: Vec<System> = equations
            .par_iter()
            .zip(experience.par_iter())
            .map(|(equation, experience)| {
                let preconditioner = self.preconditioner(equation, experience);
                System::new(equation, preconditioner, accuracy.tolerance)
            })
            .collect();
        let n = self.samples.tensor.dim(0)?;
        let work: usize = equations.iter().map(|equation| equation.used.len()).sum();
        let (mut shared, mut alone): (Vec<&mut System>, Vec<&mut System>) = systems
            .iter_mut()
            .partition(|system| work > n && system.equation.used.len() * LARGE > n);
        alone.par_iter_mut().for_each(|system| self.finish(system, accuracy.limit));
        for _ in 0..accuracy.limit {
            shared.retain(|system| !system.done());
            if shared.is_empty() {
                break;
            }
            self.together(&mut shared)?;
        }
        let solved: Vec<_> = systems.into_iter().map(|one| (one.solution, one.steps)).collect();
        let noted = solved.into_iter().zip(experience).map(|((solution, steps), experience)| {
            experience.products = steps;
            solution
        });
        Ok(noted.collect())
    }

    fn finish(&self, system: &mut System, limit: usize) {
        while !system.done() && system.steps < limit {
            let sums = self.samples.moved(&system.equation.used, &system.direction);
            system.step(&sums, 2.0 * self.c);
        }
    }

    /// One step of each, in one pass over all samples.
    fn together(&self, systems: &mut [&mut System]) -> Result<()> {
        let (count, width) = (systems.len(), self.samples.dim + 1);
        let rows = systems.iter().map(|system| system.direction.as_slice());
        let directions = Directions::of(rows, width);
        let sums = product_sums(self.samples.tensor, &directions, |range, products| {
            let mut kept = vec![0.0; products.len()];
            for (index, system) in systems.iter().enumerate() {
                let used = &system.equation.used;
                let first = used.partition_point(|&row| (row as usize) < range.start);
                for &row in used[first..].iter().take_while(|&&row| (row as usize) < range.end) {
                    let at = (row as usize - range.start) * count + index;
                    kept[at] = products[at];
                }
            }
            products.copy_from_slice(&kept);
        })?;
        systems.par_iter_mut().enumerate().for_each(|(index, system)| {
            system.step(sums.row(index), 2.0 * self.c);
        });
        Ok(())
    }

    /// Makes a preconditioner of the samples in use, if the last solution took long.
    fn renew(&self, equation: &Equation, experience: &mut Experience) -> Result<()> {
        let used = &equation.used;
        if experience.products <= MANY || used.is_empty() {
            return Ok(());
        }
        let stride = used.len().div_ceil(OWN_SAMPLES);
        let chosen: Vec<u32> = used.iter().copied().step_by(stride).collect();
        let x = self.samples.tensor;
        let chosen = Tensor::from_vec(chosen, used.len().div_ceil(stride), x.device())?;
        let moments = second_moments(&x.index_select(&chosen, 0)?, 1)?;
        experience.own = Some(self.factor(&moments, used.len() as f64));
        Ok(())
    }

    /// The preconditioner of its own, or else what holds for all samples is said of those in use.
    fn preconditioner<'b>(
        &'b self,
        equation: &Equation,
        experience: &'b Experience,
    ) -> &'b Cholesky {
        let level = (equation.used.len().max(1).ilog2() as usize).div_ceil(2).min(LEVELS - 1);
        let common = || {
            self.common[level].get_or_init(|| self.factor(&self.moments, 4f64.powi(level as i32)))
        };
        experience.own.as_ref().unwrap_or_else(common)
    }

    /// The factor of the system's matrix for `count` samples of these moments.
    fn factor(&self, moments: &[f64], count: f64) -> Cholesky {
        let width = self.samples.dim + 1;
        let mut matrix: Vec<f64> =
            moments.iter().map(|value| value * 2.0 * self.c * count).collect();
        for i in 0..width {
            matrix[i * width + i] += 1.0;
        }
        Cholesky::new(&matrix, width)
    }
}

/// One system on its way.
struct System<'a> {
    equation: &'a Equation,
    preconditioner: &'a Cholesky,
    solution: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    /// The residual's squared length, as the preconditioner measures it.
    energy: f64,
    target: f64,
    steps: usize,
}

impl<'a> System<'a> {
    fn new(equation: &'a Equation, preconditioner: &'a Cholesky, tolerance: f64) -> Self {
        let residual = equation.right.clone();
        let direction = preconditioner.solve(&residual);
        let energy = dot(&residual, &direction);
        let solution = vec![0.0; residual.len()];
        let target = energy * tolerance * tolerance;
        Self { equation, preconditioner, solution, residual, direction, energy, target, steps: 0 }
    }

    fn done(&self) -> bool {
        // What is no number ends, too.
        self.energy.is_nan() || self.energy <= self.target
    }

    /// One step; `sums` is the sum of samples times their products with the direction, of which the matrix is made.
    fn step(&mut self, sums: &[f64], factor: f64) {
        let image: Vec<f64> =
            self.direction.iter().zip(sums).map(|(d, sum)| d + factor * sum).collect();
        let length = self.energy / dot(&self.direction, &image);
        for (at, (direction, image)) in self.direction.iter().zip(&image).enumerate() {
            self.solution[at] += length * direction;
            self.residual[at] -= length * image;
        }
        let scaled = self.preconditioner.solve(&self.residual);
        let energy = dot(&self.residual, &scaled);
        let ratio = energy / self.energy;
        for (direction, scaled) in self.direction.iter_mut().zip(&scaled) {
            *direction = scaled + ratio * *direction;
        }
        self.energy = energy;
        self.steps += 1;
    }
}
