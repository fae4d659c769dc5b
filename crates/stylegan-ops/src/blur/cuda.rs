//! Kernel for NVIDIA's GPUs.

use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{Elements, Room, elements, launch, size};

pub(crate) fn blur(
    device: &CudaDevice,
    x: Elements<'_>,
    (height, width): (usize, usize),
) -> Result<Room> {
    let count = size("blur", x.len())?;
    let (height, width) = (height as u32, width as u32);
    let y = Room::new(device, x.len(), x.dtype())?;
    launch!(device, "blur_forward" of x.dtype(), elements(count), [count, x, height, width, y])?;
    Ok(y)
}
