//! Preconditioned conjugate gradients for many least-squares systems that share their samples.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::cholesky::{Cholesky, dot};
use super::passes::{Directions, product_sums, second_moments};

/// Samples from which the preconditioner's moments are taken: enough that its condition is set by the data, not by chance.
const MOMENT_SAMPLES: usize = 1 << 16;

/// The share of samples that the common preconditioner assumes in each system.
const SHARE: f64 = 0.25;

/// Products after which a system gets a preconditioner of its own for the next step.
const MANY: usize = 6;

/// Samples in use that such a preconditioner is made of, at most. With fewer in use it is the system's own factor.
const OWN_SAMPLES: usize = 4096;

/// Systems `(I + 2 C sum of x x^T over the samples in use) s = b`, one an attribute, with the bias as the last component.
pub(super) struct Systems<'a> {
    x: &'a Tensor,
    c: f64,
    common: Cholesky,
    /// Of attributes whose samples in use are not like all samples.
    own: BTreeMap<usize, Cholesky>,
    /// Attributes whose last solution took many products.
    slow: Vec<usize>,
}

impl<'a> Systems<'a> {
    /// Over samples `[n, dim]` with the penalty C. All attributes begin with one preconditioner: the factor of the matrix that a share of
    /// all samples would give. Where few samples are in use, or others than most, [`Self::solve`] makes one of these.
    pub fn new(x: &'a Tensor, c: f64) -> Result<Self> {
        let (n, dim) = x.dims2()?;
        let width = dim + 1;
        let mut matrix = second_moments(x, n.div_ceil(MOMENT_SAMPLES))?;
        matrix.iter_mut().for_each(|value| *value *= 2.0 * c * SHARE * n as f64);
        for i in 0..width {
            matrix[i * width + i] += 1.0;
        }
        let common = Cholesky::new(&matrix, width);
        Ok(Self { x, c, common, own: BTreeMap::new(), slow: Vec::new() })
    }

    /// Solves the systems of the attributes that `active` lists, until each residual is `tolerance` times the right side, both
    /// measured with the preconditioner, or `limit` products have been made. `used` says for `[n, attributes]` whether a sample is in
    /// use. Gives the solutions, and how many products it took.
    pub fn solve(
        &mut self,
        right: &Directions,
        used: &[bool],
        (active, attributes): (&[usize], usize),
        tolerance: f64,
        limit: usize,
    ) -> Result<(Directions, usize)> {
        let width = right.width;
        self.renew(used, attributes)?;
        let factors: Vec<&Cholesky> = active
            .iter()
            .map(|attribute| self.own.get(attribute).unwrap_or(&self.common))
            .collect();
        let mut systems: Vec<System> = (0..right.count)
            .into_par_iter()
            .map(|index| System::new(right.row(index), factors[index], tolerance))
            .collect();
        let mut made = 0;
        while made < limit {
            let open: Vec<usize> = (0..systems.len()).filter(|&i| !systems[i].done()).collect();
            if open.is_empty() {
                break;
            }
            let columns: Vec<usize> = open.iter().map(|&index| active[index]).collect();
            let values =
                open.iter().flat_map(|&index| &systems[index].direction).copied().collect();
            let directions = Directions { count: open.len(), width, values };
            let products = product_sums(self.x, &directions, |range, products| {
                let used = &used[range.start * attributes..range.end * attributes];
                let rows =
                    used.chunks_exact(attributes).zip(products.chunks_exact_mut(columns.len()));
                for (used, products) in rows {
                    for (product, &column) in products.iter_mut().zip(&columns) {
                        *product = if used[column] { *product } else { 0.0 };
                    }
                }
            })?;
            let mut is_open = open.iter().peekable();
            let mut moving: Vec<(&mut System, &Cholesky)> = Vec::with_capacity(open.len());
            for (index, system) in systems.iter_mut().enumerate() {
                if is_open.next_if_eq(&&index).is_some() {
                    moving.push((system, factors[index]));
                }
            }
            moving.into_par_iter().enumerate().for_each(|(index, (system, factor))| {
                system.step(products.row(index), 2.0 * self.c, factor);
            });
            made += 1;
        }
        let slow = systems.iter().zip(active).filter(|(system, _)| system.steps > MANY);
        self.slow = slow.map(|(_, &attribute)| attribute).collect();
        let values = systems.into_iter().flat_map(|system| system.solution).collect();
        Ok((Directions { count: right.count, width, values }, made))
    }

    /// Makes preconditioners for the systems that were slow, of the samples that they use now.
    fn renew(&mut self, used: &[bool], attributes: usize) -> Result<()> {
        let slow = std::mem::take(&mut self.slow);
        let made = slow
            .into_par_iter()
            .map(|attribute| Ok((attribute, self.of_used(used, attribute, attributes)?)))
            .collect::<Result<Vec<_>>>()?;
        self.own.extend(made);
        Ok(())
    }

    fn of_used(&self, used: &[bool], attribute: usize, attributes: usize) -> Result<Cholesky> {
        let column = used.iter().skip(attribute).step_by(attributes);
        let rows: Vec<u32> =
            column.zip(0u32..).filter(|(used, _)| **used).map(|(_, row)| row).collect();
        let stride = rows.len().div_ceil(OWN_SAMPLES).max(1);
        let chosen: Vec<u32> = rows.iter().copied().step_by(stride).collect();
        let width = self.x.dim(1)? + 1;
        let mut matrix = vec![0.0; width * width];
        if !chosen.is_empty() {
            let count = chosen.len();
            let chosen = Tensor::from_vec(chosen, count, self.x.device())?;
            matrix = second_moments(&self.x.index_select(&chosen, 0)?, 1)?;
        }
        matrix.iter_mut().for_each(|value| *value *= 2.0 * self.c * rows.len() as f64);
        for i in 0..width {
            matrix[i * width + i] += 1.0;
        }
        Ok(Cholesky::new(&matrix, width))
    }
}

/// One system on its way.
struct System {
    solution: Vec<f64>,
    residual: Vec<f64>,
    direction: Vec<f64>,
    /// The residual's squared length, as the preconditioner measures it.
    energy: f64,
    target: f64,
    steps: usize,
}

impl System {
    fn new(right: &[f64], preconditioner: &Cholesky, tolerance: f64) -> Self {
        let mut direction = right.to_vec();
        preconditioner.solve(&mut direction);
        let energy = dot(right, &direction);
        let solution = vec![0.0; right.len()];
        let target = energy * tolerance * tolerance;
        Self { solution, residual: right.to_vec(), direction, energy, target, steps: 0 }
    }

    fn done(&self) -> bool {
        // What is no number ends, too.
        self.energy.is_nan() || self.energy <= self.target
    }

    /// One step; `sums` is the sum of samples times their products with the direction, of which the matrix is made.
    fn step(&mut self, sums: &[f64], factor: f64, preconditioner: &Cholesky) {
        let image: Vec<f64> =
            self.direction.iter().zip(sums).map(|(d, sum)| d + factor * sum).collect();
        let length = self.energy / dot(&self.direction, &image);
        for (at, (direction, image)) in self.direction.iter().zip(&image).enumerate() {
            self.solution[at] += length * direction;
            self.residual[at] -= length * image;
        }
        let mut scaled = self.residual.clone();
        preconditioner.solve(&mut scaled);
        let energy = dot(&self.residual, &scaled);
        let ratio = energy / self.energy;
        for (direction, scaled) in self.direction.iter_mut().zip(&scaled) {
            *direction = scaled + ratio * *direction;
        }
        self.energy = energy;
        self.steps += 1;
    }
}
