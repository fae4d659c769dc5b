//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{Elements, Room, elements, launch, size};

/// Every row of `width` becomes two rows of twice that width, times `gain`.
pub(super) fn up(device: &CudaDevice, x: Elements<'_>, width: usize, gain: f64) -> Result<Room> {
    let count = size("upsample_nearest2d", 4 * x.len())?;
    let y = Room::new(device, 4 * x.len(), x.dtype())?;
    let (width, gain) = (2 * width as u32, gain as f32);
    launch!(device, "resample_up" of x.dtype(), elements(count), [count, x, width, gain, y])?;
    Ok(y)
}

/// Every two rows of `width` become one row of half that width: sums of two by two elements, times `gain`.
pub(super) fn down(device: &CudaDevice, x: Elements<'_>, width: usize, gain: f64) -> Result<Room> {
    let count = size("downsample_box2d", x.len())? / 4;
    let y = Room::new(device, x.len() / 4, x.dtype())?;
    let (width, gain) = (width as u32 / 2, gain as f32);
    launch!(device, "resample_down" of x.dtype(), elements(count), [count, x, width, gain, y])?;
    Ok(y)
}
