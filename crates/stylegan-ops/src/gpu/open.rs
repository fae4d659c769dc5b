//! The checks, in the order in which they can be made.

use candle_core::cuda_backend::cudarc::driver;
use candle_core::cuda_backend::cudarc::driver::result::{DriverError, device};
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUDA_VERSION, CUdevice, CUdevice_attribute as Attribute, CUresult, cuDriverGetVersion,
};
use candle_core::{CudaDevice, DType, Device, Tensor};

use super::{BFLOAT16_CAPABILITY, GpuError, LEAST_CAPABILITY};

pub(super) fn open(index: usize) -> Result<Device, GpuError> {
    driver::result::init().map_err(driver_error)?;
    let count = device::get_count().map_err(driver_error)?.max(0) as usize;
    match count {
        0 => return Err(GpuError::NoGpu),
        count if index >= count => return Err(GpuError::Index { index, count }),
        _ => {}
    }
    check_driver()?;
    let gpu = device::get(index as i32).map_err(driver_error)?;
    let found = capability(gpu)?;
    if found < LEAST_CAPABILITY {
        let name = device::get_name(gpu).unwrap_or_else(|_| index.to_string());
        return Err(GpuError::Capability { name, found });
    }
    // `new_cuda` would give every thread a stream of its own, and tensors go from thread to thread here.
    let opened = Device::new_cuda_with_stream(index)?;
    // SAFETY: there is one stream for everything, so that no event has to keep the order of several; each would cost two calls an operation.
    unsafe { opened.as_cuda_device()?.disable_event_tracking() };
    #[cfg(feature = "cudnn")]
    check_cudnn(&opened)?;
    Ok(opened)
}

pub(super) fn name(device: &CudaDevice) -> Option<String> {
    let context = device.cuda_stream().context().clone();
    context.name().ok()
}

pub(super) fn memory(device: &CudaDevice) -> Option<(u64, u64)> {
    device.cuda_stream().context().bind_to_thread().ok()?;
    let (free, total) = driver::result::mem_get_info().ok()?;
    Some((free as u64, total as u64))
}

/// The GPU and candle's kernels must know bfloat16.
pub(super) fn check_bfloat16(device: &Device, gpu: &CudaDevice) -> Result<(), GpuError> {
    let context = gpu.cuda_stream().context().clone();
    let found = capability(context.cu_device())?;
    if found < BFLOAT16_CAPABILITY {
        return Err(GpuError::Bfloat16 { name: context.name().unwrap_or_default(), found });
    }
    // The kernels that were left out are missed when they are asked for.
    let probe = || Tensor::ones(1, DType::F32, device)?.to_dtype(DType::BF16)?.affine(2.0, 0.0);
    probe().map(|_| ()).map_err(|error| {
        let words = error.to_string();
        GpuError::Bfloat16NotBuilt(words.lines().next().unwrap_or_default().to_owned())
    })
}

fn capability(gpu: CUdevice) -> Result<(u32, u32), GpuError> {
    Ok((
        attribute(gpu, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        attribute(gpu, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    ))
}

/// The driver must know the version that the kernels' PTX is written for.
fn check_driver() -> Result<(), GpuError> {
    let mut found = 0;
    // SAFETY: the driver writes one number.
    unsafe { cuDriverGetVersion(&mut found) }.result().map_err(driver_error)?;
    let needed = CUDA_VERSION;
    if (found as u32) < needed {
        let words = |version: u32| format!("{}.{}", version / 1000, version % 1000 / 10);
        return Err(GpuError::OldDriver { found: words(found as u32), needed: words(needed) });
    }
    Ok(())
}

fn attribute(gpu: CUdevice, which: Attribute) -> Result<u32, GpuError> {
    // SAFETY: the GPU was given by the driver.
    let value = unsafe { device::get_attribute(gpu, which) }.map_err(driver_error)?;
    Ok(value.max(0) as u32)
}

#[cfg(feature = "cudnn")]
fn check_cudnn(device: &Device) -> Result<(), GpuError> {
    use candle_core::cuda_backend::cudarc::cudnn::Cudnn;
    let stream = device.as_cuda_device()?.cuda_stream();
    Cudnn::new(stream).map(|_| ()).map_err(|error| GpuError::Cudnn(format!("{:?}", error.0)))
}

fn driver_error(error: DriverError) -> GpuError {
    match error.0 {
        CUresult::CUDA_ERROR_STUB_LIBRARY => GpuError::Stub,
        CUresult::CUDA_ERROR_NO_DEVICE => GpuError::NoGpu,
        code => GpuError::Driver(format!("{code:?}")),
    }
}
