//! Reading candle's storages.

use candle_core::{CpuStorage, DType, Layout, Result, Tensor, bail};

/// True if every tensor is float32 in main memory, so that the CPU kernels apply.
///
/// Anything else (float64, half precision, other devices) takes the reference form.
pub(crate) fn all_cpu_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|t| t.dtype() == DType::F32 && t.device().is_cpu())
}

/// True if every tensor is float32, and all are in main memory or, with the feature `cuda`, on a GPU: for operations with kernels for both.
pub(crate) fn kernels_for(tensors: &[&Tensor]) -> bool {
    #[cfg(feature = "cuda")]
    if super::cuda::all_cuda_f32(tensors) {
        return true;
    }
    all_cpu_f32(tensors)
}

/// The elements of a contiguous float32 storage in row-major order.
///
/// The public functions call `contiguous()` on their arguments first, so an error here means that an op was
/// applied by another way.
pub(crate) fn f32_slice<'a>(
    op: &'static str,
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op}: expected a contiguous argument, got strides {:?}", layout.stride());
    };
    match storage {
        CpuStorage::F32(data) => Ok(&data[start..end]),
        other => bail!(
            "{op}: expected float32, got {:?}",
            candle_core::backend::BackendStorage::dtype(other)
        ),
    }
}
