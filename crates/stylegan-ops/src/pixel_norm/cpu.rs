//! Float32 kernels for the CPU: a block of positions at a time, through all channels, while it is in the cache.
//!
//! A matrix [N, C] has one position an image, whose channels are neighbours; there each row is summed like a plane.

use crate::kernel::{SharedMut, build_f32, for_each_task, with_scratch};
use crate::planes::{GRAIN, Planes, sums, sums2};
use crate::vectorized::vectorized;

/// Channels that are summed before they join the total, which keeps the rounding of long sums low.
const GROUP: usize = 16;

/// Elements of a block through all channels: 128 KiB. Channels lie a power of two apart and compete for the same places in the cache,
/// so that only part of it can be used.
const BLOCK: usize = 1 << 15;

/// The block of positions that one task takes through the channels of one image.
#[derive(Clone, Copy)]
struct Block {
    /// Index of the element of channel 0 at the first position.
    start: usize,
    /// Positions.
    len: usize,
    /// Distance between channels.
    pitch: usize,
    channels: usize,
}

fn for_each_block(planes: &Planes, work: impl Fn(Block) + Send + Sync) {
    let (pitch, channels) = (planes.len, planes.channels);
    let len = (BLOCK / channels.max(1)).next_multiple_of(64).min(pitch.max(1));
    let blocks = pitch.div_ceil(len);
    // Small images go several to a task.
    let images = (GRAIN / (pitch * channels).max(1)).max(1);
    let groups = planes.batch.div_ceil(images);
    for_each_task(groups * blocks, |task| {
        let (group, block) = (task / blocks, task % blocks);
        for image in group * images..((group + 1) * images).min(planes.batch) {
            let first = block * len;
            let start = image * channels * pitch + first;
            work(Block { start, len: len.min(pitch - first), pitch, channels });
        }
    });
}

impl Block {
    /// The elements of a channel.
    #[inline(always)]
    fn of<'a>(&self, x: &'a [f32], channel: usize) -> &'a [f32] {
        &x[self.start + channel * self.pitch..][..self.len]
    }

    /// As [`Block::of`], to write.
    ///
    /// # Safety
    /// No other task may have the same block.
    #[inline(always)]
    unsafe fn out<'a>(&self, out: &SharedMut<'a>, channel: usize) -> &'a mut [f32] {
        // SAFETY: blocks do not overlap.
        unsafe { out.slice_mut(self.start + channel * self.pitch, self.len) }
    }

    /// For each position the mean over channels of `a * b`, in `mean`; `part` is scratch.
    #[inline(always)]
    fn mean_product(&self, a: &[f32], b: &[f32], mean: &mut [f32], part: &mut [f32]) {
        mean.fill(0.0);
        for first in (0..self.channels).step_by(GROUP) {
            part.fill(0.0);
            for channel in first..(first + GROUP).min(self.channels) {
                let (a, b) = (self.of(a, channel), self.of(b, channel));
                for ((part, &a), &b) in part.iter_mut().zip(a).zip(b) {
                    *part += a * b;
                }
            }
            for (mean, &part) in mean.iter_mut().zip(&*part) {
                *mean += part;
            }
        }
        let share = 1.0 / self.channels as f32;
        for mean in mean {
            *mean *= share;
        }
    }
}

/// The mean square of a row.
#[inline(always)]
fn row_mean_square(x: &[f32]) -> f32 {
    (sums(x, |x| [x * x])[0] / x.len() as f64) as f32
}

/// `1 / sqrt(r + eps)` for every r.
#[inline(always)]
fn inverse_roots(r: &mut [f32], eps: f32) {
    for r in r {
        *r = 1.0 / (*r + eps).sqrt();
    }
}

pub(super) fn forward(x: &[f32], planes: &Planes, eps: f32) -> Vec<f32> {
    // SAFETY: the blocks cover every element, and each task writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_block(planes, |block| {
                if block.pitch == 1 {
                    let out = out.slice_mut(block.start, block.channels);
                    row_forward(out, &x[block.start..][..block.channels], eps);
                } else {
                    with_scratch(2 * block.len, |scratch| {
                        block_forward(out, x, block, eps, scratch)
                    });
                }
            });
        })
    }
}

pub(super) fn backward(g: &[f32], x: &[f32], planes: &Planes, eps: f32) -> Vec<f32> {
    // SAFETY: the blocks cover every element, and each task writes its own.
    unsafe {
        build_f32(planes.elements(), |out| {
            for_each_block(planes, |block| {
                if block.pitch == 1 {
                    let range = block.start..block.start + block.channels;
                    let out = out.slice_mut(block.start, block.channels);
                    row_backward(out, &g[range.clone()], &x[range], eps);
                } else {
                    with_scratch(3 * block.len, |scratch| {
                        block_backward(out, g, x, block, eps, scratch);
                    });
                }
            });
        })
    }
}

vectorized! {
    fn row_forward(out: &mut [f32], x: &[f32], eps: f32) {
        let r = 1.0 / (row_mean_square(x) + eps).sqrt();
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x * r;
        }
    }
}

vectorized! {
    fn row_backward(out: &mut [f32], g: &[f32], x: &[f32], eps: f32) {
        let [product] = sums2(g, x, |g, x| [g * x]);
        let r = 1.0 / (row_mean_square(x) + eps).sqrt();
        let along = (product / x.len() as f64) as f32 * (r * r * r);
        for ((out, &g), &x) in out.iter_mut().zip(g).zip(x) {
            *out = g * r - x * along;
        }
    }
}

vectorized! {
    fn block_forward(out: SharedMut<'_>, x: &[f32], block: Block, eps: f32, scratch: &mut [f32]) {
        let (r, part) = scratch.split_at_mut(block.len);
        block.mean_product(x, x, r, part);
        inverse_roots(r, eps);
        for channel in 0..block.channels {
            // SAFETY: every task has another block.
            let out = unsafe { block.out(&out, channel) };
            for ((out, &x), &r) in out.iter_mut().zip(block.of(x, channel)).zip(&*r) {
                *out = x * r;
            }
        }
    }
}

vectorized! {
    fn block_backward(
        out: SharedMut<'_>,
        g: &[f32],
        x: &[f32],
        block: Block,
        eps: f32,
        scratch: &mut [f32],
    ) {
        let (r, rest) = scratch.split_at_mut(block.len);
        let (along, part) = rest.split_at_mut(block.len);
        block.mean_product(x, x, r, part);
        block.mean_product(g, x, along, part);
        inverse_roots(r, eps);
        for (along, &r) in along.iter_mut().zip(&*r) {
            *along *= r * r * r;
        }
        for channel in 0..block.channels {
            // SAFETY: every task has another block.
            let out = unsafe { block.out(&out, channel) };
            let (g, x) = (block.of(g, channel), block.of(x, channel));
            for ((((out, &g), &x), &r), &along) in
                out.iter_mut().zip(g).zip(x).zip(&*r).zip(&*along)
            {
                *out = g * r - x * along;
            }
        }
    }
}
