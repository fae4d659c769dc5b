//! The `f32` values of tensors in the CPU's memory, as slices.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Storage, Tensor, bail};

/// Values treated at a time by one thread; small tensors are treated by one.
pub(crate) const CHUNK: usize = 1 << 14;

/// Runs `f` on the values of a contiguous `f32` tensor in the CPU's memory.
pub(crate) fn with_slice<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((from, to))) => Ok(f(&values[from..to])),
        _ => bail!("expected contiguous f32 values in the CPU's memory"),
    }
}

/// Runs `f` on the values of a contiguous `f32` tensor in the CPU's memory, which it may change. Calls may be nested for
/// different tensors.
pub(crate) fn with_slice_mut(
    tensor: &Tensor,
    f: impl FnOnce(&mut [f32]) -> Result<()>,
) -> Result<()> {
    tensor.inplace_op1(&Change(RefCell::new(Some(f))))
}

/// An operation that is a closure, to be called once.
struct Change<F>(RefCell<Option<F>>);

impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Change<F> {
    fn name(&self) -> &'static str {
        "change-values"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets(), self.0.take()) {
            (CpuStorage::F32(values), Some((from, to)), Some(f)) => f(&mut values[from..to]),
            _ => bail!("expected contiguous f32 values in the CPU's memory"),
        }
    }
}
