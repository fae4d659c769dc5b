//! Whether products on a GPU may round their factors to TF32.

use std::sync::atomic::{AtomicBool, Ordering};

static ALLOWED: AtomicBool = AtomicBool::new(false);

/// Lets convolutions and matrix products on a GPU round their factors to TF32, 10 bits of mantissa, and still add up in float32: several times as fast on
/// GPUs of compute capability 8.0 and later, and exact to some 1e-3. Off at first. For the whole process; nothing on the CPU changes.
pub fn allow_tf32(allowed: bool) {
    ALLOWED.store(allowed, Ordering::Relaxed);
    #[cfg(feature = "cuda")]
    candle_core::cuda_backend::set_gemm_reduced_precision_f32(allowed);
}

/// What [`allow_tf32`] was last told.
pub fn tf32_allowed() -> bool {
    ALLOWED.load(Ordering::Relaxed)
}
