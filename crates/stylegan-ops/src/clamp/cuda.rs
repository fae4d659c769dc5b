//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{Elements, Room, elements, launch, shared_type, size};

pub(super) fn forward(device: &CudaDevice, x: Elements<'_>, limit: f64) -> Result<Room> {
    let count = size("clamp", x.len())?;
    let y = Room::new(device, x.len(), x.dtype())?;
    launch!(device, "clamp_forward" of x.dtype(), elements(count), [count, x, limit as f32, y])?;
    Ok(y)
}

pub(super) fn vjp(
    device: &CudaDevice,
    g: Elements<'_>,
    y: Elements<'_>,
    limit: f64,
) -> Result<Room> {
    let count = size("clamp_vjp", g.len())?;
    let dtype = shared_type("clamp_vjp", [g, y])?;
    let gx = Room::new(device, g.len(), dtype)?;
    launch!(device, "clamp_vjp" of dtype, elements(count), [count, g, y, limit as f32, gx])?;
    Ok(gx)
}
