//! Float32 kernels for the CPU: blocks of positions, whose channels are walked twice while they are in the cache.

use super::EPSILON;
use crate::kernel::{SharedMut, build_f32, for_each_task};
use crate::planes::Planes;
use crate::vectorized::vectorized;

/// Positions of a block.
const BLOCK: usize = 128;

/// A number for every position of a block.
type Line = [f32; BLOCK];

/// Blocks of one image.
fn blocks(planes: &Planes) -> usize {
    planes.len.div_ceil(BLOCK)
}

/// Both maps' channels at a block of positions of an image.
#[derive(Clone, Copy)]
struct Block<'a> {
    a: &'a [f32],
    b: &'a [f32],
    w: &'a [f32],
    /// Distance of channels.
    plane: usize,
    /// The first position.
    start: usize,
    /// Positions.
    len: usize,
}

impl<'a> Block<'a> {
    fn new(task: usize, a: &'a [f32], b: &'a [f32], w: &'a [f32], planes: &Planes) -> Self {
        let (image, block) = (task / blocks(planes), task % blocks(planes));
        let size = planes.channels * planes.len;
        let start = block * BLOCK;
        Self {
            a: &a[image * size..][..size],
            b: &b[image * size..][..size],
            w,
            plane: planes.len,
            start,
            len: BLOCK.min(planes.len - start),
        }
    }

    #[inline(always)]
    fn channel(&self, channel: usize) -> (&'a [f32], &'a [f32]) {
        let at = channel * self.plane + self.start;
        (&self.a[at..at + self.len], &self.b[at..at + self.len])
    }

    /// The lengths of both maps' feature vectors.
    #[inline(always)]
    fn lengths(&self) -> (Line, Line) {
        let (mut of_a, mut of_b) = ([0f32; BLOCK], [0f32; BLOCK]);
        for channel in 0..self.w.len() {
            let (a, b) = self.channel(channel);
            for i in 0..self.len {
                of_a[i] += a[i] * a[i];
                of_b[i] += b[i] * b[i];
            }
        }
        for i in 0..self.len {
            of_a[i] = of_a[i].sqrt();
            of_b[i] = of_b[i].sqrt();
        }
        (of_a, of_b)
    }
}

/// `1 / (length + epsilon)`.
#[inline(always)]
fn inverse(lengths: &Line) -> Line {
    let mut inverse = [0f32; BLOCK];
    for (inverse, length) in inverse.iter_mut().zip(lengths) {
        *inverse = 1.0 / (length + EPSILON as f32);
    }
    inverse
}

/// The distance of each image.
pub(super) fn forward(a: &[f32], b: &[f32], w: &[f32], planes: &Planes) -> Vec<f32> {
    if planes.elements() == 0 {
        return vec![0.0; planes.batch];
    }
    let blocks = blocks(planes);
    // SAFETY: the tasks cover every block, and each writes the one sum of its own.
    let sums = unsafe {
        build_f32(planes.batch * blocks, |sums| {
            for_each_task(planes.batch * blocks, |task| {
                sums.slice_mut(task, 1)[0] = sum(Block::new(task, a, b, w, planes));
            });
        })
    };
    sums.chunks_exact(blocks)
        .map(|sums| {
            let sum: f64 = sums.iter().map(|&sum| f64::from(sum)).sum();
            (sum / planes.len as f64) as f32
        })
        .collect()
}

vectorized! {
    fn sum(block: Block<'_>) -> f32 {
        let (of_a, of_b) = block.lengths();
        let (of_a, of_b) = (inverse(&of_a), inverse(&of_b));
        let mut sums = [0f32; BLOCK];
        for (channel, &w) in block.w.iter().enumerate() {
            let (a, b) = block.channel(channel);
            for i in 0..block.len {
                let difference = a[i] * of_a[i] - b[i] * of_b[i];
                sums[i] += w * (difference * difference);
            }
        }
        let mut total = 0f64;
        for sum in &sums[..block.len] {
            total += f64::from(*sum);
        }
        total as f32
    }
}

/// The gradient with respect to a.
pub(super) fn backward(a: &[f32], b: &[f32], w: &[f32], g: &[f32], planes: &Planes) -> Vec<f32> {
    if planes.elements() == 0 {
        return Vec::new();
    }
    let blocks = blocks(planes);
    // SAFETY: the tasks cover every block of positions, and each writes all channels of its own.
    unsafe {
        build_f32(planes.elements(), |ga| {
            for_each_task(planes.batch * blocks, |task| {
                let image = task / blocks;
                let block = Block::new(task, a, b, w, planes);
                let scale = (2.0 * f64::from(g[image]) / planes.len as f64) as f32;
                let first = image * planes.channels * planes.len + block.start;
                gradient(block, scale, ga, first);
            });
        })
    }
}

vectorized! {
    fn gradient(block: Block<'_>, scale: f32, ga: SharedMut<'_>, first: usize) {
        let (lengths, of_b) = block.lengths();
        let (of_a, of_b) = (inverse(&lengths), inverse(&of_b));
        // What u = a / |a| passes on is d u - (d u . u) u, over the length.
        let mut inner = [0f32; BLOCK];
        for (channel, &w) in block.w.iter().enumerate() {
            let (a, b) = block.channel(channel);
            for i in 0..block.len {
                let difference = a[i] * of_a[i] - b[i] * of_b[i];
                inner[i] += w * scale * difference * a[i];
            }
        }
        for i in 0..block.len {
            let along = of_a[i] * of_a[i] / lengths[i];
            inner[i] = if lengths[i] > 0.0 { inner[i] * along } else { 0.0 };
        }
        for (channel, &w) in block.w.iter().enumerate() {
            let (a, b) = block.channel(channel);
            // SAFETY: a block's positions are its own task's, in every channel.
            let target = unsafe { ga.slice_mut(first + channel * block.plane, block.len) };
            for i in 0..block.len {
                let difference = a[i] * of_a[i] - b[i] * of_b[i];
                target[i] = w * scale * difference * of_a[i] - a[i] * inner[i];
            }
        }
    }
}
