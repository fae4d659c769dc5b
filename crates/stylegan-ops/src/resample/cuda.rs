//! Float32 kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{elements, launch, size, uninitialized};

/// Every row of `width` becomes two rows of twice that width, times `gain`.
pub(super) fn up(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    width: usize,
    gain: f64,
) -> Result<CudaSlice<f32>> {
    let count = size("upsample_nearest2d", 4 * x.len())?;
    let y = uninitialized(device, 4 * x.len())?;
    let (width, gain) = (2 * width as u32, gain as f32);
    launch!(device, "resample_up", elements(count), [count, *x, width, gain, y])?;
    Ok(y)
}

/// Every two rows of `width` become one row of half that width: sums of two by two elements, times `gain`.
pub(super) fn down(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    width: usize,
    gain: f64,
) -> Result<CudaSlice<f32>> {
    let count = size("downsample_box2d", x.len())? / 4;
    let y = uninitialized(device, x.len() / 4)?;
    let (width, gain) = (width as u32 / 2, gain as f32);
    launch!(device, "resample_down", elements(count), [count, *x, width, gain, y])?;
    Ok(y)
}
