//! Float32 kernel for the CPU: image by image, each plane in scratch memory from its doubling to its halving.

use super::plan::{Axis, Plan};
use crate::kernel::{build_f32, for_each_task, with_scratch};
use crate::vectorized::vectorized;

/// The warp of every image, or its transpose.
pub(super) fn apply(
    x: &[f32],
    channels: usize,
    taps: &[f64],
    plans: &[Option<Plan>],
    transposed: bool,
) -> Vec<f32> {
    let image = x.len() / plans.len().max(1);
    let taps: Vec<f32> = taps.iter().map(|&tap| tap as f32).collect();
    // SAFETY: the images cover the result, and each task writes its own.
    unsafe {
        build_f32(x.len(), |out| {
            for_each_task(plans.len(), |n| {
                let out = out.slice_mut(n * image, image);
                let x = &x[n * image..(n + 1) * image];
                let Some(plan) = &plans[n] else { return out.copy_from_slice(x) };
                let plane = image / channels.max(1);
                for (out, x) in out.chunks_exact_mut(plane).zip(x.chunks_exact(plane)) {
                    with_scratch(Rooms::of(plan).total(), |scratch| {
                        if transposed {
                            backward(out, x, &taps, plan, scratch);
                        } else {
                            forward(out, x, &taps, plan, scratch);
                        }
                    });
                }
            });
        })
    }
}

/// The sizes of what lies between the steps.
struct Rooms {
    /// Rows of the image, doubled along themselves.
    wide: usize,
    /// The part of the doubled image that is read.
    doubled: usize,
    /// The doubled result.
    warped: usize,
    /// The doubled result, halved down the columns.
    low: usize,
    /// A row of the image, mirrored.
    line: usize,
}

impl Rooms {
    #[inline(always)]
    fn of(plan: &Plan) -> Self {
        let (rows, columns) = (&plan.rows, &plan.columns);
        Self {
            wide: rows.len * columns.count,
            doubled: rows.count * columns.count,
            warped: plan.samples.len(),
            low: rows.len * columns.window,
            line: columns.count / 2 + 16,
        }
    }

    fn total(&self) -> usize {
        self.wide + self.doubled + self.warped + self.low + self.line
    }

    #[inline(always)]
    fn split<'a>(&self, scratch: &'a mut [f32]) -> [&'a mut [f32]; 5] {
        let (wide, rest) = scratch.split_at_mut(self.wide);
        let (doubled, rest) = rest.split_at_mut(self.doubled);
        let (warped, rest) = rest.split_at_mut(self.warped);
        let (low, line) = rest.split_at_mut(self.low);
        [wide, doubled, warped, low, line]
    }
}

vectorized! {
    fn forward(out: &mut [f32], x: &[f32], taps: &[f32], plan: &Plan, scratch: &mut [f32]) {
        let (rows, columns) = (&plan.rows, &plan.columns);
        let [wide, doubled, warped, low, line] = Rooms::of(plan).split(scratch);
        let lines = Lines::new(columns, taps.len());
        for (wide, x) in wide.chunks_exact_mut(columns.count).zip(x.chunks_exact(columns.len)) {
            let line = &mut line[..lines.len];
            for (k, value) in line.iter_mut().enumerate() {
                *value = x[columns.mirror(lines.first + k as isize)];
            }
            for (i, wide) in wide.iter_mut().enumerate() {
                let (first, element) = columns.first_product(i, taps.len());
                let mut at = (element - lines.first) as usize;
                let mut sum = 0.0;
                for tap in taps[first..].iter().step_by(2) {
                    sum += 2.0 * tap * line[at];
                    at = at.wrapping_sub(1);
                }
                *wide = sum;
            }
        }
        for (i, doubled) in doubled.chunks_exact_mut(columns.count).enumerate() {
            let (first, element) = rows.first_product(i, taps.len());
            doubled.fill(0.0);
            for (back, tap) in taps[first..].iter().step_by(2).enumerate() {
                let row = rows.mirror(element - back as isize);
                add(doubled, &wide[row * columns.count..], 2.0 * tap);
            }
        }
        for (warped, sample) in warped.iter_mut().zip(&plan.samples) {
            let upper = &doubled[sample.index as usize..][..2];
            let lower = &doubled[sample.index as usize + columns.count..][..2];
            let upper = upper[0] + (upper[1] - upper[0]) * sample.right;
            let lower = lower[0] + (lower[1] - lower[0]) * sample.right;
            *warped = upper + (lower - upper) * sample.down;
        }
        for (o, low) in low.chunks_exact_mut(columns.window).enumerate() {
            low.fill(0.0);
            for (t, tap) in taps.iter().enumerate() {
                add(low, &warped[(2 * o + t) * columns.window..], *tap);
            }
        }
        for (out, low) in out.chunks_exact_mut(columns.len).zip(low.chunks_exact(columns.window)) {
            for (p, out) in out.iter_mut().enumerate() {
                let mut sum = 0.0;
                for (tap, low) in taps.iter().zip(&low[2 * p..]) {
                    sum += tap * low;
                }
                *out = sum;
            }
        }
    }
}

vectorized! {
    fn backward(out: &mut [f32], g: &[f32], taps: &[f32], plan: &Plan, scratch: &mut [f32]) {
        let (rows, columns) = (&plan.rows, &plan.columns);
        let [wide, doubled, warped, low, line] = Rooms::of(plan).split(scratch);
        low.fill(0.0);
        for (g, low) in g.chunks_exact(columns.len).zip(low.chunks_exact_mut(columns.window)) {
            for (p, g) in g.iter().enumerate() {
                for (tap, low) in taps.iter().zip(&mut low[2 * p..]) {
                    *low += tap * g;
                }
            }
        }
        warped.fill(0.0);
        for (o, low) in low.chunks_exact(columns.window).enumerate() {
            for (t, tap) in taps.iter().enumerate() {
                add(&mut warped[(2 * o + t) * columns.window..][..columns.window], low, *tap);
            }
        }
        doubled.fill(0.0);
        for (warped, sample) in warped.iter().zip(&plan.samples) {
            let (index, right) = (sample.index as usize, sample.right);
            let (upper, lower) = (warped * (1.0 - sample.down), warped * sample.down);
            doubled[index] += upper * (1.0 - right);
            doubled[index + 1] += upper * right;
            doubled[index + columns.count] += lower * (1.0 - right);
            doubled[index + columns.count + 1] += lower * right;
        }
        wide.fill(0.0);
        for (i, doubled) in doubled.chunks_exact(columns.count).enumerate() {
            let (first, element) = rows.first_product(i, taps.len());
            for (back, tap) in taps[first..].iter().step_by(2).enumerate() {
                let row = rows.mirror(element - back as isize);
                add(&mut wide[row * columns.count..][..columns.count], doubled, 2.0 * tap);
            }
        }
        let lines = Lines::new(columns, taps.len());
        out.fill(0.0);
        for (wide, out) in wide.chunks_exact(columns.count).zip(out.chunks_exact_mut(columns.len)) {
            let line = &mut line[..lines.len];
            line.fill(0.0);
            for (i, wide) in wide.iter().enumerate() {
                let (first, element) = columns.first_product(i, taps.len());
                let mut at = (element - lines.first) as usize;
                for tap in taps[first..].iter().step_by(2) {
                    line[at] += 2.0 * tap * wide;
                    at = at.wrapping_sub(1);
                }
            }
            for (k, value) in line.iter().enumerate() {
                out[columns.mirror(lines.first + k as isize)] += value;
            }
        }
    }
}

/// The elements of a mirrored row that doubling reads.
struct Lines {
    first: isize,
    len: usize,
}

impl Lines {
    #[inline(always)]
    fn new(columns: &Axis, taps: usize) -> Self {
        let reach = taps as isize / 2 - 1;
        let first = columns.first_product(0, taps).1 - reach;
        let last = columns.first_product(columns.count - 1, taps).1;
        Self { first, len: (last - first + 1) as usize }
    }
}

/// `out += x * factor`, as far as `out` reaches.
#[inline(always)]
fn add(out: &mut [f32], x: &[f32], factor: f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += x * factor;
    }
}
