//! Linear support vector machines of many attributes over the same samples.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::conjugate::{Equation, Systems};
use super::machine::{ACCURACY, Machine};
use super::passes::{Directions, Samples, products};
use super::targets::Targets;

/// Of so many samples, one is taken for the fit that another fit begins from.
const STRIDE: usize = 4;

/// Samples a component that such a fit needs at least: with fewer, its planes say little about the others.
const SAMPLES_A_COMPONENT: usize = 8;

/// Where that fit ends: its planes are a place to begin from.
const ROUGH: f64 = 1e-2;

/// How a support vector machine is fitted; `Default` is what the official metric uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SvmSettings {
    /// The penalty of samples on the wrong side of their margin (1).
    pub c: f64,
    /// The fit ends when the duality gap is at most so much of the objective (1e-6).
    pub tolerance: f64,
    /// Newton steps after which it ends in any case (200).
    pub max_steps: usize,
}

impl Default for SvmSettings {
    fn default() -> Self {
        Self { c: 1.0, tolerance: 1e-6, max_steps: 200 }
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
    /// Newton steps over all samples.
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
/// margins is the same. It begins from the machines of every fourth sample, and these from the machines of every fourth of those, so
/// that over all samples few are inside their margins from the first step on, and few steps are left. The steps' equations are solved by
/// conjugate gradients, preconditioned with the factor of the second moments that all attributes share, or of the samples in use. The
/// objective minus the quadratic part is convex, so half the gradient's squared length bounds the distance to the optimum; it equals
/// the duality gap at the multipliers `2 C max(0, 1 - y m)`. Both are taken at margins that are computed anew from the planes found.
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
    let begin = Directions::zeros(targets.attributes(), dim + 1);
    let machines = fit(&x.contiguous()?, targets, settings, begin)?;
    Ok(machines.into_iter().map(Machine::separator).collect())
}

fn fit(
    x: &Tensor,
    targets: &Targets,
    settings: &SvmSettings,
    mut begin: Directions,
) -> Result<Vec<Machine>> {
    let (n, dim) = x.dims2()?;
    if n / STRIDE >= SAMPLES_A_COMPONENT * dim {
        let rows: Vec<u32> = (0..n as u32).step_by(STRIDE).collect();
        let every_fourth = Tensor::from_vec(rows, n.div_ceil(STRIDE), x.device())?;
        let rough = SvmSettings {
            c: settings.c * STRIDE as f64,
            tolerance: settings.tolerance.max(ROUGH),
            ..*settings
        };
        let few = x.index_select(&every_fourth, 0)?;
        let found = fit(&few, &targets.every(STRIDE), &rough, begin)?;
        begin = planes(&found, dim);
    }
    let mut machines: Vec<Machine> = (0..targets.attributes())
        .map(|attribute| Machine::new(attribute, targets, begin.row(attribute), settings.c))
        .collect();
    Samples::with(x, |samples| {
        let systems = Systems::new(samples, settings.c)?;
        // The second time, margins are free of what rounding has added up, and nearly always all machines are there.
        for _ in 0..2 {
            descend(&systems, &mut machines, settings)?;
        }
        Ok(())
    })?;
    Ok(machines)
}

fn planes(machines: &[Machine], dim: usize) -> Directions {
    Directions::of(machines.iter().map(|machine| machine.plane.as_slice()), dim + 1)
}

/// Newton steps until all machines are there, all of them side by side.
fn descend(systems: &Systems<'_>, machines: &mut [Machine], settings: &SvmSettings) -> Result<()> {
    let samples = systems.samples;
    let margins = products(samples.tensor, &planes(machines, samples.dim))?;
    machines.par_iter_mut().enumerate().for_each(|(index, machine)| {
        machine.set_margins(margins.column(index));
    });
    drop(margins);
    let mut open: Vec<&mut Machine> = machines.iter_mut().collect();
    loop {
        let (equations, still): (Vec<_>, Vec<_>) = open
            .into_par_iter()
            .filter_map(|machine| Some((machine.look(samples, settings)?, machine)))
            .unzip();
        if still.is_empty() {
            return Ok(());
        }
        open = still;
        step(systems, &mut open, &equations)?;
    }
}

/// One Newton step of each machine.
fn step(
    systems: &Systems<'_>,
    machines: &mut [&mut Machine],
    equations: &[Equation],
) -> Result<()> {
    let samples = systems.samples;
    let mut experience: Vec<_> =
        machines.iter_mut().map(|machine| &mut machine.experience).collect();
    let moves = systems.solve(equations, &mut experience, ACCURACY)?;
    let moves = Directions::of(moves.iter().map(Vec::as_slice), samples.dim + 1);
    let changes = products(samples.tensor, &moves)?;
    machines.par_iter_mut().enumerate().for_each(|(index, machine)| {
        machine.go(moves.row(index), changes.column(index));
    });
    Ok(())
}
