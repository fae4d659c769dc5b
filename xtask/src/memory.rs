//! The allocator's memory.

use std::ffi::{c_int, c_long};

/// mimalloc's `mi_option_purge_delay`: milliseconds until memory that was freed goes back to the system, -1 for never.
const PURGE_DELAY: c_int = 15;

unsafe extern "C" {
    /// Of mimalloc, the allocator of this program: gives pages that nothing uses back to the system.
    fn mi_collect(force: bool);
    /// Of mimalloc: sets an option.
    fn mi_option_set(option: c_int, value: c_long);
}

/// Gives memory that was freed back to the system at once, between two parts of a command that each need much of it.
pub fn give_back() {
    // SAFETY: mimalloc lets any thread call it at any time.
    unsafe { mi_collect(true) }
}

/// From now on keeps memory that is freed, for the next of many equal steps: pages that went back to the system come again as faults, each
/// cleared anew, which took a seventh of a large training step. The peak grows by about a fifth.
pub fn keep() {
    // SAFETY: mimalloc lets any thread set an option at any time, and reads this one when it would purge.
    unsafe { mi_option_set(PURGE_DELAY, -1) }
}
