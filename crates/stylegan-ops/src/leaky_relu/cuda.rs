//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{Elements, Room, elements, launch, shared_type, size};

pub(super) fn forward(device: &CudaDevice, x: Elements<'_>, slope: f64) -> Result<Room> {
    let count = size("leaky_relu", x.len())?;
    let y = Room::new(device, x.len(), x.dtype())?;
    launch!(device, "leaky_relu_forward" of x.dtype(), elements(count), [count, x, slope as f32, y])?;
    Ok(y)
}

pub(super) fn vjp(
    device: &CudaDevice,
    g: Elements<'_>,
    y: Elements<'_>,
    slope: f64,
) -> Result<Room> {
    let count = size("leaky_relu_vjp", g.len())?;
    let dtype = shared_type("leaky_relu_vjp", [g, y])?;
    let gx = Room::new(device, g.len(), dtype)?;
    launch!(device, "leaky_relu_vjp" of dtype, elements(count), [count, g, y, slope as f32, gx])?;
    Ok(gx)
}
