//! Running a whole computation on a thread of the pool.

/// Runs a computation of many operations on a thread of rayon's current pool.
///
/// An operation called from another thread has to hand its parts to the pool and sleep until they are done: two changes of
/// thread each, which small operations feel. From inside, the calling thread takes part in the work. The calling
/// thread sleeps meanwhile, so the computation must not wait for anything that needs the pool from outside.
pub fn in_pool<T: Send>(computation: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| computation())
}
