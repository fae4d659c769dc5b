//! Float32 kernels for the CPU. A task takes one run of channels of one group, plane by plane, through the group's members.
//!
//! The layer sits at 4x4, where planes are short and tensors small: what counts is few passes.

use rayon::prelude::*;

use super::{EPS, Groups};
use crate::kernel::{SharedMut, build_f32, with_scratch};
use crate::planes::sums;
use crate::vectorized::vectorized;

impl Groups {
    /// Index of the first element of channel `c` of member `k` of group `m`, in a tensor of `channels` channels.
    fn plane(&self, channels: usize, k: usize, m: usize, c: usize) -> usize {
        ((k * self.count + m) * channels + c) * self.positions()
    }

    /// Calls `work` for each group and run of channels, in parallel, and returns what it returns, in order.
    fn map<T: Send>(&self, work: impl Fn(usize, usize) -> T + Send + Sync) -> Vec<T> {
        let f = self.features;
        (0..self.count * f).into_par_iter().map(|task| work(task / f, task % f)).collect()
    }

    /// The elements of channel `c` of group `m` in x: mean over members into `mean`, s into `s`.
    #[inline(always)]
    fn statistics(&self, x: &[f32], m: usize, c: usize, mean: &mut [f32], s: &mut [f32]) {
        let positions = self.positions();
        let share = 1.0 / self.members as f32;
        let plane = |k: usize| &x[self.plane(self.channels(), k, m, c)..][..positions];
        mean.fill(0.0);
        s.fill(0.0);
        for k in 0..self.members {
            for (mean, &x) in mean.iter_mut().zip(plane(k)) {
                *mean += x;
            }
        }
        for mean in mean.iter_mut() {
            *mean *= share;
        }
        for k in 0..self.members {
            for ((s, &mean), &x) in s.iter_mut().zip(&*mean).zip(plane(k)) {
                *s += (x - mean) * (x - mean);
            }
        }
        for s in s.iter_mut() {
            *s = (*s * share + EPS as f32).sqrt();
        }
    }

    /// t / (P G) for group `m` and run `f`, from g.
    #[inline(always)]
    fn slope(&self, g: &[f32], m: usize, f: usize) -> f32 {
        let channels = self.channels() + self.features;
        let t: f64 = (0..self.members)
            .map(|k| {
                let start = self.plane(channels, k, m, self.channels() + f);
                sums(&g[start..][..self.positions()], |g| [g])[0]
            })
            .sum();
        (t * self.weight()) as f32
    }
}

vectorized! {
    /// The mean of s over the channels of run `f` and the positions, in group `m`.
    fn run_deviation(x: &[f32], groups: &Groups, m: usize, f: usize, scratch: &mut [f32]) -> f32 {
        let (mean, s) = scratch.split_at_mut(groups.positions());
        let mut total = 0f64;
        for c in f * groups.run..(f + 1) * groups.run {
            groups.statistics(x, m, c, mean, s);
            total += sums(s, |s| [s])[0];
        }
        (total / (groups.run * groups.positions()) as f64) as f32
    }
}

pub(super) fn forward(x: &[f32], groups: &Groups) -> Vec<f32> {
    let (positions, channels) = (groups.positions(), groups.channels());
    let out_channels = channels + groups.features;
    // SAFETY: groups and runs cover all planes of the result, and each task writes its own.
    unsafe {
        build_f32(groups.output_shape().elem_count(), |out| {
            groups.map(|m, f| {
                let deviation =
                    with_scratch(2 * positions, |scratch| run_deviation(x, groups, m, f, scratch));
                for k in 0..groups.members {
                    let from = groups.plane(channels, k, m, f * groups.run);
                    let to = groups.plane(out_channels, k, m, f * groups.run);
                    let len = groups.run * positions;
                    out.slice_mut(to, len).copy_from_slice(&x[from..][..len]);
                    let map = groups.plane(out_channels, k, m, channels + f);
                    out.slice_mut(map, positions).fill(deviation);
                }
            });
        })
    }
}

pub(super) fn vjp(x: &[f32], g: &[f32], groups: &Groups) -> Vec<f32> {
    let scratch = 2 * groups.positions();
    // SAFETY: groups and runs cover all planes of the result, and each task writes its own.
    unsafe {
        build_f32(groups.input_shape().elem_count(), |out| {
            groups.map(|m, f| {
                with_scratch(scratch, |scratch| run_vjp(out, x, g, groups, m, f, scratch));
            });
        })
    }
}

vectorized! {
    /// One group and one run of channels of [`vjp`], which no other task may have.
    fn run_vjp(
        out: SharedMut<'_>,
        x: &[f32],
        g: &[f32],
        groups: &Groups,
        m: usize,
        f: usize,
        scratch: &mut [f32],
    ) {
        let (positions, channels) = (groups.positions(), groups.channels());
        let (mean, s) = scratch.split_at_mut(positions);
        let slope = groups.slope(g, m, f);
        for c in f * groups.run..(f + 1) * groups.run {
            groups.statistics(x, m, c, mean, s);
            for k in 0..groups.members {
                let start = groups.plane(channels, k, m, c);
                // SAFETY: every task has another group or run.
                let out = unsafe { out.slice_mut(start, positions) };
                let x = &x[start..][..positions];
                let g = &g[groups.plane(channels + groups.features, k, m, c)..][..positions];
                for i in 0..positions {
                    out[i] = g[i] + slope * ((x[i] - mean[i]) / s[i]);
                }
            }
        }
    }
}

/// The gradients of `sum(v * vjp(x, g))`: to x, and to g.
pub(super) fn vjp_backward(
    x: &[f32],
    g: &[f32],
    v: &[f32],
    groups: &Groups,
) -> (Vec<f32>, Vec<f32>) {
    let (positions, channels) = (groups.positions(), groups.channels());
    let g_channels = channels + groups.features;
    let mut to_g = Vec::new();
    // SAFETY: groups and runs cover all planes of both results, and each task writes its own.
    let to_x = unsafe {
        build_f32(groups.input_shape().elem_count(), |to_x| {
            to_g = build_f32(groups.output_shape().elem_count(), |to_g| {
                groups.map(|m, f| {
                    let through = with_scratch(4 * positions, |scratch| {
                        run_backward(to_x, x, g, v, groups, m, f, scratch)
                    });
                    for k in 0..groups.members {
                        let from = groups.plane(channels, k, m, f * groups.run);
                        let to = groups.plane(g_channels, k, m, f * groups.run);
                        let len = groups.run * positions;
                        to_g.slice_mut(to, len).copy_from_slice(&v[from..][..len]);
                        let map = groups.plane(g_channels, k, m, channels + f);
                        to_g.slice_mut(map, positions).fill(through);
                    }
                });
            });
        })
    };
    (to_x, to_g)
}

vectorized! {
    /// One group and one run of channels of [`vjp_backward`], which no other task may have: writes what goes to x, and returns what goes to
    /// every element of the run's maps in g.
    fn run_backward(
        to_x: SharedMut<'_>,
        x: &[f32],
        g: &[f32],
        v: &[f32],
        groups: &Groups,
        m: usize,
        f: usize,
        scratch: &mut [f32],
    ) -> f32 {
        let (positions, channels) = (groups.positions(), groups.channels());
        let share = 1.0 / groups.members as f32;
        let (mean, rest) = scratch.split_at_mut(positions);
        let (s, rest) = rest.split_at_mut(positions);
        let (v_mean, along) = rest.split_at_mut(positions);
        let slope = groups.slope(g, m, f);
        let mut through = 0f64;
        for c in f * groups.run..(f + 1) * groups.run {
            groups.statistics(x, m, c, mean, s);
            v_mean.fill(0.0);
            along.fill(0.0);
            for k in 0..groups.members {
                let start = groups.plane(channels, k, m, c);
                let (x, v) = (&x[start..][..positions], &v[start..][..positions]);
                for i in 0..positions {
                    v_mean[i] += v[i];
                    along[i] += v[i] * (x[i] - mean[i]);
                }
            }
            for i in 0..positions {
                v_mean[i] *= share;
                // sum(v d) / s: its sum is what goes to g.
                along[i] /= s[i];
            }
            through += sums(along, |a| [a])[0];
            for k in 0..groups.members {
                let start = groups.plane(channels, k, m, c);
                let (x, v) = (&x[start..][..positions], &v[start..][..positions]);
                // SAFETY: every task has another group or run.
                let out = unsafe { to_x.slice_mut(start, positions) };
                for i in 0..positions {
                    let unit = (x[i] - mean[i]) / s[i];
                    out[i] = slope * (((v[i] - v_mean[i]) - unit * along[i] * share) / s[i]);
                }
            }
        }
        (through * groups.weight()) as f32
    }
}
