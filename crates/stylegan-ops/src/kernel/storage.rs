//! Reading candle's storages.

use candle_core::{CpuStorage, DType, Layout, Result, Tensor, bail};

use crate::precision::is_half;

/// How an operation is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// By a kernel.
    Kernel,
    /// In float32, from half precision that no kernel takes, and back.
    Widened,
    /// By plain candle operations: float64, other devices, and what has no kernel.
    Reference,
}

impl Form {
    /// For an operation that has kernels for the CPU and, with the feature `cuda`, for GPUs. The latter take activations of half precision too, and everything
    /// else in float32.
    pub(crate) fn of(activations: &[&Tensor], parameters: &[&Tensor]) -> Self {
        #[cfg(feature = "cuda")]
        if super::cuda::kernels_take(activations, parameters) {
            return Self::Kernel;
        }
        Self::on_cpu(&[activations, parameters].concat())
    }

    /// For an operation that has a kernel for the CPU alone: float32 in main memory.
    pub(crate) fn on_cpu(tensors: &[&Tensor]) -> Self {
        if tensors.iter().all(|t| t.dtype() == DType::F32 && t.device().is_cpu()) {
            return Self::Kernel;
        }
        Self::without_kernel(tensors)
    }

    /// Where there is no kernel.
    pub(crate) fn without_kernel(tensors: &[&Tensor]) -> Self {
        if tensors.iter().any(|t| is_half(t.dtype())) { Self::Widened } else { Self::Reference }
    }
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
