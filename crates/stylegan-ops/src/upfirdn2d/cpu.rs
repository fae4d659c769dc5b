//! Float32 kernel for the CPU. Each row of the result is a sum of a few rows, taken into a line that stays in the first cache, and then filtered
//! along itself.

use super::geometry::{Axis, Geometry};
use crate::kernel::{build_f32, for_each_chunk, with_scratch};
use crate::planes::GRAIN;
use crate::vectorized::vectorized;

/// Filters run four taps at a time; a line has room for as many zeros more.
const GROUP: usize = 4;

/// How a row is filtered along itself.
struct Across<'a> {
    axis: &'a Axis,
    /// For each phase of the zero insertion: where its first tap reads in the line, and its taps, padded to a multiple of [`GROUP`] or 2.
    phases: Vec<(usize, Vec<f32>)>,
    /// Zeros before the first element of the line.
    margin: usize,
    /// Floats of the line.
    line: usize,
}

impl<'a> Across<'a> {
    fn new(axis: &'a Axis, taps: &[f64], gain: f64) -> Self {
        let (up, last) = (axis.up as isize, taps.len() as isize - 1);
        // Output o = phase + p * up' reads the inputs (o * down + t - before) / up where that is whole. With down 1 or up 1, one phase's
        // outputs read at equal distances.
        let mut phases = Vec::new();
        let reach = (axis.before.max(0) as usize).div_ceil(axis.up) + 1;
        for phase in 0..axis.up {
            let origin = (phase * axis.down) as isize - axis.before;
            let first = (-origin).rem_euclid(up);
            let mut own: Vec<f32> =
                (first..=last).step_by(axis.up).map(|t| (taps[t as usize] * gain) as f32).collect();
            let multiple = if own.len() <= 2 { 2 } else { GROUP };
            own.resize(own.len().max(1).next_multiple_of(multiple), 0.0);
            let start = (origin + first).div_euclid(up) + reach as isize;
            phases.push((start.max(0) as usize, own));
        }
        let reads = |phase: &(usize, Vec<f32>)| {
            phase.0 + axis.output.div_ceil(axis.up) * axis.down + phase.1.len()
        };
        let line = phases.iter().map(reads).max().unwrap_or(0).max(reach + axis.input);
        Self { axis, phases, margin: reach, line }
    }
}

/// The resampling of `planes` planes.
pub(super) fn apply(x: &[f32], planes: usize, geometry: &Geometry) -> Vec<f32> {
    let [rows, columns] = &geometry.axes;
    let taps: Vec<f32> = geometry.taps.iter().map(|&tap| tap as f32).collect();
    let across = Across::new(columns, &geometry.taps, geometry.gain);
    let total = planes * rows.output;
    let width = columns.output;
    if total * width == 0 {
        return Vec::new();
    }
    let phase = width.div_ceil(columns.up);
    // SAFETY: the chunks cover every row of the result, and each writes its own.
    unsafe {
        build_f32(total * width, |out| {
            for_each_chunk(total, (GRAIN / width).max(1), |range| {
                let out = out.slice_mut(range.start * width, range.len() * width);
                with_scratch(across.line + columns.up * phase, |scratch| {
                    let (line, phases) = scratch.split_at_mut(across.line);
                    line.fill(0.0);
                    chunk(out, x, range.start, rows, &taps, &across, line, phases);
                });
            });
        })
    }
}

vectorized! {
    fn chunk(
        out: &mut [f32],
        x: &[f32],
        first: usize,
        rows: &Axis,
        taps: &[f32],
        across: &Across<'_>,
        line: &mut [f32],
        phases: &mut [f32],
    ) {
        let columns = across.axis;
        for (index, out) in out.chunks_exact_mut(columns.output).enumerate() {
            let (plane, row) = ((first + index) / rows.output, (first + index) % rows.output);
            let x = &x[plane * rows.input * columns.input..][..rows.input * columns.input];
            sum_of_rows(&mut line[across.margin..][..columns.input], x, rows, row, taps);
            if columns.up == 1 {
                let (start, taps) = &across.phases[0];
                filter(out, &line[*start..], taps, columns.down);
            } else {
                let len = phases.len() / columns.up;
                for (phase, (start, taps)) in across.phases.iter().enumerate() {
                    let target = &mut phases[phase * len..(phase + 1) * len];
                    filter(target, &line[*start..], taps, columns.down);
                }
                interleave(out, phases, columns.up);
            }
        }
    }
}

/// The rows that meet a tap, each times it.
#[inline(always)]
fn sum_of_rows(line: &mut [f32], x: &[f32], rows: &Axis, row: usize, taps: &[f32]) {
    let width = line.len();
    let (mut starts, mut factors, mut held) = ([0; GROUP], [0f32; GROUP], 0);
    let mut fresh = true;
    rows.products(row, taps.len(), |input, tap| {
        (starts[held], factors[held]) = (input * width, taps[tap]);
        held += 1;
        if held == GROUP {
            add_rows::<GROUP>(line, x, starts, factors, fresh);
            (held, fresh) = (0, false);
        }
    });
    match held {
        0 if fresh => line.fill(0.0),
        0 => {}
        1 => add_rows::<1>(line, x, [starts[0]], [factors[0]], fresh),
        2 => add_rows::<2>(line, x, [starts[0], starts[1]], [factors[0], factors[1]], fresh),
        _ => {
            let (starts, factors) =
                ([starts[0], starts[1], starts[2]], [factors[0], factors[1], factors[2]]);
            add_rows::<3>(line, x, starts, factors, fresh);
        }
    }
}

#[inline(always)]
fn add_rows<const R: usize>(
    line: &mut [f32],
    x: &[f32],
    starts: [usize; R],
    factors: [f32; R],
    fresh: bool,
) {
    let width = line.len();
    let rows = starts.map(|start| &x[start..start + width]);
    for (i, line) in line.iter_mut().enumerate() {
        let mut sum = if fresh { 0.0 } else { *line };
        for r in 0..R {
            sum += rows[r][i] * factors[r];
        }
        *line = sum;
    }
}

/// `out[o] = sum over t of taps[t] * line[o * down + t]`.
#[inline(always)]
fn filter(out: &mut [f32], line: &[f32], taps: &[f32], down: usize) {
    if let &[a, b] = taps {
        return groups(out, line, [a, b], down, true);
    }
    for (group, taps) in taps.as_chunks::<GROUP>().0.iter().enumerate() {
        groups(out, &line[group * GROUP..], *taps, down, group == 0);
    }
}

#[inline(always)]
fn groups<const K: usize>(out: &mut [f32], line: &[f32], taps: [f32; K], down: usize, fresh: bool) {
    match down {
        1 => spaced::<K>(out, line, taps, 1, fresh),
        2 => spaced::<K>(out, line, taps, 2, fresh),
        _ => spaced::<K>(out, line, taps, down, fresh),
    }
}

#[inline(always)]
fn spaced<const K: usize>(out: &mut [f32], line: &[f32], taps: [f32; K], down: usize, fresh: bool) {
    let len = out.len();
    let line = &line[..(len.max(1) - 1) * down + K];
    for o in 0..len {
        let mut sum = if fresh { 0.0 } else { out[o] };
        for t in 0..K {
            sum += line[o * down + t] * taps[t];
        }
        out[o] = sum;
    }
}

/// Puts the phases' results in turn.
#[inline(always)]
fn interleave(out: &mut [f32], phases: &[f32], up: usize) {
    let len = phases.len() / up;
    if up == 2 {
        let (even, odd) = phases.split_at(len);
        let (pairs, rest) = out.as_chunks_mut::<2>();
        for ((pair, &even), &odd) in pairs.iter_mut().zip(even).zip(odd) {
            *pair = [even, odd];
        }
        if let [last] = rest {
            *last = even[len - 1];
        }
        return;
    }
    for (o, out) in out.iter_mut().enumerate() {
        *out = phases[o % up * len + o / up];
    }
}
