//! Float32 kernel for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{elements, launch, size, uninitialized};

pub(super) fn blur(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    (height, width): (usize, usize),
) -> Result<CudaSlice<f32>> {
    let count = size("blur", x.len())?;
    let (height, width) = (height as u32, width as u32);
    let y = uninitialized(device, x.len())?;
    launch!(device, "blur_forward", elements(count), [count, *x, height, width, y])?;
    Ok(y)
}
