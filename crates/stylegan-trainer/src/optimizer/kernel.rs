//! The update on `f32` values in the CPU's memory.

use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;

use super::{Coefficients, Slot};
use crate::slices::{CHUNK, with_slice, with_slice_mut};

/// The scalars in the precision of the values.
#[derive(Clone, Copy)]
struct Scalars {
    beta1: f32,
    rest1: f32,
    beta2: f32,
    rest2: f32,
    epsilon: f32,
    step_size: f32,
    inverse_root: f32,
    average_beta: f32,
}

/// The values of one parameter, or of one chunk.
struct Values<'a> {
    p: &'a mut [f32],
    g: &'a [f32],
    m: Option<&'a mut [f32]>,
    v: &'a mut [f32],
    average: Option<&'a mut [f32]>,
}

pub(super) fn update(
    var: &Var,
    gradient: &Tensor,
    slot: &Slot,
    coefficients: Coefficients,
    average: Option<(Var, f64)>,
) -> Result<()> {
    let c = coefficients;
    let (average, average_beta) = average.unzip();
    let scalars = Scalars {
        beta1: c.beta1 as f32,
        rest1: (1.0 - c.beta1) as f32,
        beta2: c.beta2 as f32,
        rest2: (1.0 - c.beta2) as f32,
        epsilon: c.epsilon as f32,
        step_size: c.step_size as f32,
        inverse_root: c.inverse_root as f32,
        average_beta: average_beta.unwrap_or_default() as f32,
    };
    with_optional(slot.m.as_ref(), |m| {
        with_optional(average.as_ref(), |average| {
            with_slice_mut(&slot.v, |v| {
                with_slice_mut(var, |p| {
                    with_slice(gradient, |g| all(Values { p, g, m, v, average }, scalars))
                })
            })
        })
    })
}

fn with_optional(
    var: Option<&Var>,
    f: impl FnOnce(Option<&mut [f32]>) -> Result<()>,
) -> Result<()> {
    match var {
        Some(var) => with_slice_mut(var, |values| f(Some(values))),
        None => f(None),
    }
}

fn all(values: Values<'_>, scalars: Scalars) {
    if values.p.len() <= CHUNK {
        return chunk(values, scalars);
    }
    values.into_chunks().into_par_iter().for_each(|part| chunk(part, scalars));
}

impl<'a> Values<'a> {
    fn into_chunks(self) -> Vec<Values<'a>> {
        let mut m = self.m.map(|m| m.chunks_mut(CHUNK));
        let mut average = self.average.map(|average| average.chunks_mut(CHUNK));
        let pairs =
            self.p.chunks_mut(CHUNK).zip(self.g.chunks(CHUNK)).zip(self.v.chunks_mut(CHUNK));
        pairs
            .map(|((p, g), v)| Values {
                p,
                g,
                m: m.as_mut().and_then(Iterator::next),
                v,
                average: average.as_mut().and_then(Iterator::next),
            })
            .collect()
    }
}

fn chunk(values: Values<'_>, s: Scalars) {
    let Values { p, g, m, v, average } = values;
    if let Some(average) = average {
        average_towards(average, p, s.average_beta);
    }
    match m {
        Some(m) => {
            for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
                *m = s.beta1 * *m + s.rest1 * g;
                *v = s.beta2 * *v + s.rest2 * (g * g);
                *p -= s.step_size * *m / (v.sqrt() * s.inverse_root + s.epsilon);
            }
        }
        None => {
            for ((p, &g), v) in p.iter_mut().zip(g).zip(v) {
                *v = s.beta2 * *v + s.rest2 * (g * g);
                *p -= s.step_size * g / (v.sqrt() * s.inverse_root + s.epsilon);
            }
        }
    }
}

/// `average = p + (average - p) * beta`.
pub(crate) fn average_towards(average: &mut [f32], p: &[f32], beta: f32) {
    for (average, &p) in average.iter_mut().zip(p) {
        *average = p + (*average - p) * beta;
    }
}
