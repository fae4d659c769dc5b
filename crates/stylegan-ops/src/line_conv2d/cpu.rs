//! Float32 kernels for the CPU, plane by plane.

use std::ops::Range;

use super::Geometry;
use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;

impl Geometry {
    fn plane(&self) -> usize {
        self.height * self.width
    }

    /// For a tap: the part of a line of patches that reads inside of the map, and where it reads. Lines are rows of the map where the taps lie in a row, and whole
    /// planes where they lie in a column, since there a tap is a shift by whole rows.
    fn shift(&self, tap: usize) -> (Range<usize>, usize) {
        let (len, step) = match self.axis {
            3 => (self.width, 1),
            _ => (self.plane(), self.width),
        };
        let half = self.taps / 2;
        let (before, after) = (half.saturating_sub(tap) * step, tap.saturating_sub(half) * step);
        let start = before.min(len);
        let end = len.saturating_sub(after).max(start);
        (start..end, after.min(len))
    }

    /// Length of such a line.
    fn line(&self) -> usize {
        if self.axis == 3 { self.width } else { self.plane() }
    }
}

/// What every tap reads: `taps` planes for every plane of x.
pub(super) fn gather(x: &[f32], geometry: Geometry) -> Vec<f32> {
    let plane = geometry.plane();
    if x.is_empty() {
        return Vec::new();
    }
    let (line, wide) = (geometry.line(), plane * geometry.taps);
    // SAFETY: the chunks cover every plane of x, and each writes the patches of its own.
    unsafe {
        build_f32(x.len() * geometry.taps, |patches| {
            for_each_chunk(x.len() / plane, (GRAIN / wide).max(1), |range| {
                for index in range {
                    let source = &x[index * plane..][..plane];
                    let target = patches.slice_mut(index * wide, wide);
                    for (tap, target) in target.chunks_exact_mut(plane).enumerate() {
                        let (inside, from) = geometry.shift(tap);
                        let lines = target.chunks_exact_mut(line).zip(source.chunks_exact(line));
                        for (target, source) in lines {
                            target[..inside.start].fill(0.0);
                            target[inside.end..].fill(0.0);
                            let source = &source[from..][..inside.len()];
                            target[inside.clone()].copy_from_slice(source);
                        }
                    }
                }
            });
        })
    }
}

/// The adjoint of [`gather`].
pub(super) fn scatter(g: &[f32], geometry: Geometry) -> Vec<f32> {
    let plane = geometry.plane();
    if g.is_empty() {
        return Vec::new();
    }
    let (line, wide) = (geometry.line(), plane * geometry.taps);
    // SAFETY: the chunks cover every plane of the result, and each writes its own.
    unsafe {
        build_f32(g.len() / geometry.taps, |gx| {
            for_each_chunk(g.len() / wide, (GRAIN / wide).max(1), |range| {
                for index in range {
                    let target = gx.slice_mut(index * plane, plane);
                    target.fill(0.0);
                    let source = &g[index * wide..][..wide];
                    for (tap, source) in source.chunks_exact(plane).enumerate() {
                        let (inside, from) = geometry.shift(tap);
                        let lines = target.chunks_exact_mut(line).zip(source.chunks_exact(line));
                        for (target, source) in lines {
                            let target = &mut target[from..][..inside.len()];
                            for (sum, value) in target.iter_mut().zip(&source[inside.clone()]) {
                                *sum += value;
                            }
                        }
                    }
                }
            });
        })
    }
}
