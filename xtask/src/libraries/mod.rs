//! CUDA's libraries, opened when a GPU is asked for: a program that was built for GPUs runs on machines without them, and says what is missing there.
//!
//! On systems other than Linux on x86-64 the program is linked with them, as candle does it.

#[cfg(all(any(feature = "cuda-without-cudnn", test), target_os = "linux", target_arch = "x86_64"))]
mod forwarding;
#[cfg(all(feature = "cuda-without-cudnn", target_os = "linux", target_arch = "x86_64"))]
mod functions;

use stylegan_ops::GpuError;

/// Opens what computing on a GPU takes.
///
/// # Errors
///
/// [`GpuError::Driver`], [`GpuError::Library`] and [`GpuError::Cudnn`], with the first library that is missing.
pub fn find() -> Result<(), GpuError> {
    #[cfg(all(feature = "cuda-without-cudnn", target_os = "linux", target_arch = "x86_64"))]
    {
        use candle_core::cuda_backend::cudarc::driver::sys::CUDA_VERSION;

        functions::driver::FUNCTIONS.find("libcuda.so.1").map_err(GpuError::Driver)?;
        let cublas = format!("libcublas.so.{}", CUDA_VERSION / 1000);
        functions::cublas::FUNCTIONS.find(&cublas).map_err(GpuError::Library)?;
        functions::curand::FUNCTIONS.find("libcurand.so.10").map_err(GpuError::Library)?;
        #[cfg(feature = "cuda")]
        functions::cudnn::FUNCTIONS.find("libcudnn.so.9").map_err(GpuError::Cudnn)?;
    }
    Ok(())
}

/// Opens what several ranks on GPUs add up with.
///
/// # Errors
///
/// [`GpuError::Library`].
#[cfg(feature = "nccl")]
pub fn find_nccl() -> Result<(), GpuError> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    functions::nccl::FUNCTIONS.find("libnccl.so.2").map_err(GpuError::Library)?;
    Ok(())
}
