//! The machine's GPUs: opening one, with an error for everything that can be in the way; what is copied to it and from it while it computes.

mod later;
#[cfg(feature = "cuda")]
mod open;
#[cfg(feature = "cuda")]
mod pinned;
mod upload;

pub use later::Later;
pub use upload::upload;

use candle_core::{DType, Device};

/// The least compute capability: that of the PTX that the kernels are compiled to.
pub const LEAST_CAPABILITY: (u32, u32) = (7, 5);

/// The least compute capability that computes with bfloat16.
const BFLOAT16_CAPABILITY: (u32, u32) = (8, 0);

/// Why a GPU cannot be used. Each is one sentence that a person can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The program was built without the feature.
    #[error("this program was built for the CPU alone")]
    NotBuilt,
    /// The driver does not answer.
    #[error("NVIDIA's driver does not answer ({0})")]
    Driver(String),
    /// A stub that only programs are linked with.
    #[error(
        "the driver's library that was found is a stub for building; take its folder off LD_LIBRARY_PATH"
    )]
    Stub,
    /// A library of CUDA's cannot be opened.
    #[error("a library that computing on GPUs takes is missing ({0})")]
    Library(String),
    /// There is a driver and nothing to drive.
    #[error("there is no NVIDIA GPU in this machine, or none that this process may see")]
    NoGpu,
    /// There are GPUs, but not this one.
    #[error("there is no GPU {index}: this machine has {count}, counted from 0")]
    Index {
        /// What was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The driver knows older programs only.
    #[error(
        "the driver is too old: it runs programs for CUDA {found}, and this one was built for CUDA {needed}"
    )]
    OldDriver {
        /// The newest version that the driver knows.
        found: String,
        /// The version that the program was built with.
        needed: String,
    },
    /// The GPU is too old.
    #[error(
        "the GPU {name} has compute capability {}.{}, and {}.{} is the least",
        found.0, found.1, LEAST_CAPABILITY.0, LEAST_CAPABILITY.1
    )]
    Capability {
        /// The GPU's name.
        name: String,
        /// Its compute capability.
        found: (u32, u32),
    },
    /// A type that the GPU is too old for.
    #[error(
        "the GPU {name} has compute capability {}.{}, and bfloat16 needs {}.{}; take float16",
        found.0, found.1, BFLOAT16_CAPABILITY.0, BFLOAT16_CAPABILITY.1
    )]
    Bfloat16 {
        /// The GPU's name.
        name: String,
        /// Its compute capability.
        found: (u32, u32),
    },
    /// A type that candle's kernels were built without.
    #[error(
        "this program was built without kernels for bfloat16 ({0}): build it with CUDA_COMPUTE_CAP=80, or take float16"
    )]
    Bfloat16NotBuilt(String),
    /// cuDNN cannot be used.
    #[error("cuDNN cannot be used ({0})")]
    Cudnn(String),
    /// Something else, in candle's words.
    #[error("the GPU cannot be used")]
    Other(#[from] candle_core::Error),
}

/// GPU `index` of this machine, counted from 0, after checks of the driver, the GPU and cuDNN.
///
/// All threads share one stream of work, so that operations run in the order in which they were asked for, whatever thread asks.
///
/// # Errors
/// [`GpuError`], whatever is in the way; [`GpuError::NotBuilt`] without the feature `cuda`.
pub fn open_gpu(index: usize) -> Result<Device, GpuError> {
    #[cfg(feature = "cuda")]
    return open::open(index);
    #[cfg(not(feature = "cuda"))]
    {
        let _ = index;
        Err(GpuError::NotBuilt)
    }
}

/// Bytes of a GPU's memory that are free, and all of them; none for the CPU, or where the driver does not say.
pub fn gpu_memory(device: &Device) -> Option<(u64, u64)> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return open::memory(device);
    }
    let _ = device;
    None
}

/// The name of a GPU, as its maker has it; none for the CPU.
pub fn gpu_name(device: &Device) -> Option<String> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return open::name(device);
    }
    let _ = device;
    None
}

/// Whether tensors of type `dtype` can be computed with on `device`: bfloat16 needs a GPU of compute capability 8.0 and a program that was built for one.
/// Everything else can be, and all of it on the CPU.
///
/// # Errors
/// [`GpuError`], which says what to do.
pub fn half_supported(device: &Device, dtype: DType) -> Result<(), GpuError> {
    #[cfg(feature = "cuda")]
    if let (Device::Cuda(gpu), DType::BF16) = (device, dtype) {
        return open::check_bfloat16(device, gpu);
    }
    let _ = (device, dtype);
    Ok(())
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_for_the_cpu_says_so() {
        assert!(matches!(open_gpu(0), Err(GpuError::NotBuilt)));
        assert_eq!(gpu_name(&Device::Cpu), None);
        assert_eq!(gpu_memory(&Device::Cpu), None);
    }

    #[test]
    fn the_cpu_takes_every_type() -> Result<(), GpuError> {
        half_supported(&Device::Cpu, DType::BF16)?;
        half_supported(&Device::Cpu, DType::F16)?;
        half_supported(&Device::Cpu, DType::F32)
    }
}
