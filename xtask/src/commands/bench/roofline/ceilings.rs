//! What the machine can do at most: multiplications and additions in registers, and copies in main memory.

use std::hint::black_box;
use std::time::Instant;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Chains that do not wait for each other: more than the latency of two units.
const CHAINS: usize = 16;

/// Links of a chain in one measurement: long enough for a second thread to wake up.
const LINKS: usize = 1 << 24;

/// Floats of a copy: far more than any cache.
const FLOATS: usize = 1 << 26;

/// Measurements, of which the best counts: it takes a while until each thread has a core of its own.
const ROUNDS: usize = 15;

/// The most that this machine's cores do together, or one of them.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// 10^9 multiplications and additions a second.
    pub gflops: f64,
    /// 10^9 bytes a second, read and written.
    pub gbytes: f64,
}

impl Ceilings {
    /// Measures with so many tasks at once.
    pub fn measure(threads: usize) -> Self {
        Self { gflops: gflops(threads), gbytes: gbytes(threads) }
    }
}

/// The best of some measurements of `work`, in seconds.
pub fn best_seconds(mut work: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

fn gflops(threads: usize) -> f64 {
    let seconds = best_seconds(|| {
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            black_box(pulp::Arch::new().dispatch(Chains));
        });
    });
    let lanes = pulp::Arch::new().dispatch(Lanes);
    2.0 * (threads * CHAINS * LINKS * lanes) as f64 / seconds / 1e9
}

/// How many floats a vector has.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// Products and sums that stay in registers.
struct Chains;

impl WithSimd for Chains {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let factor = simd.splat_f32s(black_box(0.999));
        let mut sums = [simd.splat_f32s(black_box(1.0)); CHAINS];
        for _ in 0..LINKS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, factor);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

fn gbytes(threads: usize) -> f64 {
    let source = vec![1f32; FLOATS];
    let mut target = vec![0f32; FLOATS];
    let chunk = FLOATS.div_ceil(threads);
    let seconds = best_seconds(|| {
        target
            .par_chunks_mut(chunk)
            .zip(source.par_chunks(chunk))
            .with_max_len(1)
            .for_each(|(target, source)| target.copy_from_slice(source));
        black_box(&target);
    });
    8.0 * FLOATS as f64 / seconds / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_of_every_chain_ends_at_the_fixed_point() {
        // x * f + f tends to f / (1 - f) = 999, in float32 to within a few parts in ten thousand.
        let lanes = pulp::Arch::new().dispatch(Lanes) * CHAINS;
        let mean = pulp::Arch::new().dispatch(Chains) / lanes as f32;
        assert!((mean - 999.0).abs() < 1.0, "{mean}");
    }
}
