//! Preconditioned conjugate gradients for many least-squares systems that share their samples.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::cholesky::{Cholesky, dot};
use super::passes::{Directions, product_sums, second_moments};

/// Samples from which the preconditioner's moments are taken: enough that its condition is set by the data, not by chance.
const MOMENT_SAMPLES: usize = 1 << 16;

/// The share of samples that the preconditioner assumes in each system. Only directions of next to no variance feel it.
const SHARE: f64 = 0.25;

/// Systems `(I + 2 C sum of x x^T over the samples in use) s = b`, one an attribute, with the bias as the last component.
pub(super) struct Systems<'a> {
    x: &'a Tensor,
    c: f64,
    preconditioner: Cholesky,
}

impl<'a> Systems<'a> {
    /// Over samples `[n, dim]` with the penalty C. All attributes share the preconditioner: the factor of the matrix that a share of
    /// all samples would give.
    pub fn new(x: &'a Tensor, c: f64) -> Result<Self> {
        let (n, dim) = x.dims2()?;
        let width = dim + 1;
        let mut matrix = second_moments(x, n.div_ceil(MOMENT_SAMPLES))?;
        matrix.iter_mut().for_each(|value| *value *= 2.0 * c * SHARE * n as f64);
        for i in 0..width {
            matrix[i * width + i] += 1.0;
        }
        Ok(Self { x, c, preconditioner: Cholesky::new(&matrix, width) })
    }

    /// Solves the systems of the attributes that `active` lists, until each residual is `tolerance` times the right side, both
    /// measured with the preconditioner, or `limit` products have been made. `used` says for `[n, attributes]` whether a sample is in
    /// use. Gives the solutions, and how many products it took.
    pub fn solve(
        &self,
        right: &Directions,
        used: &[bool],
        (active, attributes): (&[usize], usize),
        tolerance: f64,
        limit: usize,
    ) -> Result<(Directions, usize)> {
        let width = right.width;
        let mut systems: Vec<System> = (0..right.count)
            .map(|index| System::new(right.row(index), &self.preconditioner, tolerance))
            .collect();
        let mut made = 0;
        while made < limit {
            let open: Vec<usize> = (0..systems.len()).filter(|&i| !systems[i].done()).collect();
            if open.is_empty() {
                break;
            }
            let columns: Vec<usize> = open.iter().map(|&index| active[index]).collect();
            let values = open.iter().flat_map(|&index| &systems[index].direction).copied().collect();
            let directions = Directions { count: open.len(), width, values };
            let products = product_sums(self.x, &directions, |range, products| {
                let used = &used[range.start * attributes..range.end * attributes];
                let rows = used.chunks_exact(attributes).zip(products.chunks_exact_mut(columns.len()));
                for (used, products) in rows {
                    for (product, &column) in products.iter_mut().zip(&columns) {
                        *product = if used[column] { *product } else { 0.0 };
                    }
                }
            })?;
            let mut is_open = open.iter().peekable();
            let mut moving: Vec<&mut System> = Vec::with_capacity(open.len());
            for (index, system) in systems.iter_mut().enumerate() {
                if is_open.next_if_eq(&&index).is_some() {
                    moving.push(system);
                }
            }
            moving.into_par_iter().enumerate().for_each(|(index, system)| {
                system.step(products.row(index), 2.0 * self.c, &self.preconditioner);
            });
            made += 1;
        }
        let values = systems.into_iter().flat_map(|system| system.solution).collect();
        Ok((Directions { count: right.count, width, values }, made))
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
}

impl System {
    fn new(right: &[f64], preconditioner: &Cholesky, tolerance: f64) -> Self {
        let mut direction = right.to_vec();
        preconditioner.solve(&mut direction);
        let energy = dot(right, &direction);
        let solution = vec![0.0; right.len()];
        let target = energy * tolerance * tolerance;
        Self { solution, residual: right.to_vec(), direction, energy, target }
    }

    fn done(&self) -> bool {
        // Written so that what is not finite ends, too.
        !(self.energy > self.target)
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
    }
}
