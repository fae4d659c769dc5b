//! The three products by cuBLAS, the factor among them.

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::result::gemm_strided_batched_ex;
use candle_core::cuda_backend::cudarc::cublas::sys::{
    cublasComputeType_t, cublasGemmAlgo_t, cublasOperation_t, cudaDataType_t,
};
use candle_core::{CudaDevice, DType, Result};

use super::Product;
use crate::kernel::cuda::{Elements, Room};
use crate::tf32::tf32_allowed;

/// A factor, and how it lies in memory.
struct Factor<'a> {
    elements: Elements<'a>,
    /// From one row to the next.
    pitch: usize,
    /// Whether rows and columns change places.
    operation: cublasOperation_t,
}

/// The product of float32 matrices, `rows` x `columns`, with sums of `inner` terms.
pub(super) fn product(
    device: &CudaDevice,
    product: Product,
    (rows, columns, inner): (usize, usize, usize),
    a: Elements<'_>,
    b: Elements<'_>,
    scale: f32,
) -> Result<Room> {
    let out = Room::new(device, rows * columns, DType::F32)?;
    let plain =
        |elements, pitch| Factor { elements, pitch, operation: cublasOperation_t::CUBLAS_OP_N };
    let turned =
        |elements, pitch| Factor { elements, pitch, operation: cublasOperation_t::CUBLAS_OP_T };
    // cuBLAS takes columns for rows: to it all matrices are their transposes, and the factors change places.
    let (first, second) = match product {
        Product::Output => (turned(b, inner), plain(a, inner)),
        Product::Input => (plain(b, columns), plain(a, inner)),
        Product::Weight => (plain(a, columns), turned(b, rows)),
    };
    let compute = if tf32_allowed() {
        cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32
    } else {
        cublasComputeType_t::CUBLAS_COMPUTE_32F
    };
    let float = cudaDataType_t::CUDA_R_32F;
    let (alpha, beta) = (scale, 0f32);
    let blas = device.cublas_handle();
    // SAFETY: the matrices have these sizes, which fit, and lie on the GPU whose handle and stream this is; the factors are read before the call returns.
    unsafe {
        gemm_strided_batched_ex(
            *blas.handle(),
            first.operation,
            second.operation,
            columns as i32,
            rows as i32,
            inner as i32,
            (&raw const alpha).cast(),
            first.elements.address() as *const _,
            float,
            first.pitch as i32,
            0,
            second.elements.address() as *const _,
            float,
            second.pitch as i32,
            0,
            (&raw const beta).cast(),
            out.elements().address() as *mut _,
            float,
            columns as i32,
            0,
            1,
            compute,
            cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
        )
    }
    .w()?;
    Ok(out)
}
