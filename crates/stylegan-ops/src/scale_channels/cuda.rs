//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, DType, Result};

use crate::kernel::cuda::{Elements, Room, elements, launch, shared_type, size, sums};
use crate::planes::Planes;

pub(super) fn scale(
    device: &CudaDevice,
    x: Elements<'_>,
    s: Elements<'_>,
    planes: &Planes,
) -> Result<Room> {
    let (count, plane) = (size("scale_channels", x.len())?, planes.len as u32);
    let y = Room::new(device, x.len(), x.dtype())?;
    let config = elements(count);
    launch!(device, "scale_channels" of x.dtype(), config, [count, x, s, plane, y])?;
    Ok(y)
}

pub(super) fn dot(
    device: &CudaDevice,
    a: Elements<'_>,
    b: Elements<'_>,
    planes: &Planes,
) -> Result<Room> {
    size("channel_dot", a.len())?;
    let dtype = shared_type("channel_dot", [a, b])?;
    let (count, plane) = (planes.count() as u32, planes.len as u32);
    let d = Room::new(device, planes.count(), DType::F32)?;
    let config = sums(count, planes.len);
    launch!(device, "channel_dot" of dtype, config, [a, b, plane, d])?;
    Ok(d)
}
