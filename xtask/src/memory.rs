//! The allocator's memory.

unsafe extern "C" {
    /// Of mimalloc, the allocator of this program: gives pages that nothing uses back to the system.
    fn mi_collect(force: bool);
}

/// Gives memory that was freed back to the system at once, between two parts of a command that each need much of it.
pub fn give_back() {
    // SAFETY: mimalloc lets any thread call it at any time.
    unsafe { mi_collect(true) }
}
