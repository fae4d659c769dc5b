//! Float32 kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{elements, launch, size, sums, uninitialized};
use crate::planes::Planes;

pub(super) fn scale(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    s: &CudaView<'_, f32>,
    planes: &Planes,
) -> Result<CudaSlice<f32>> {
    let (count, plane) = (size("scale_channels", x.len())?, planes.len as u32);
    let y = uninitialized(device, x.len())?;
    launch!(device, "scale_channels", elements(count), [count, *x, *s, plane, y])?;
    Ok(y)
}

pub(super) fn dot(
    device: &CudaDevice,
    a: &CudaView<'_, f32>,
    b: &CudaView<'_, f32>,
    planes: &Planes,
) -> Result<CudaSlice<f32>> {
    size("channel_dot", a.len())?;
    let (count, plane) = (planes.count() as u32, planes.len as u32);
    let d = uninitialized(device, planes.count())?;
    launch!(device, "channel_dot", sums(count, planes.len), [*a, *b, plane, d])?;
    Ok(d)
}
