//! Parallel loops whose cut does not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

/// Calls `work` once for every task of `0..tasks`, on rayon's current pool.
///
/// Tasks must be independent. A single task runs on the calling thread.
pub(crate) fn for_each_task(tasks: usize, work: impl Fn(usize) + Send + Sync) {
    match tasks {
        0 => {}
        1 => work(0),
        _ => (0..tasks).into_par_iter().with_max_len(1).for_each(work),
    }
}

/// Cuts `0..len` into chunks of `chunk` (the last one may be shorter) and calls `work` with each.
pub(crate) fn for_each_chunk(len: usize, chunk: usize, work: impl Fn(Range<usize>) + Send + Sync) {
    let chunk = chunk.max(1);
    for_each_task(len.div_ceil(chunk), |i| work(i * chunk..((i + 1) * chunk).min(len)));
}
