//! Float32 kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result};

use crate::kernel::cuda::{elements, launch, size, uninitialized};

pub(super) fn forward(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    slope: f64,
) -> Result<CudaSlice<f32>> {
    let count = size("leaky_relu", x.len())?;
    let y = uninitialized(device, x.len())?;
    launch!(device, "leaky_relu_forward", elements(count), [count, *x, slope as f32, y])?;
    Ok(y)
}

pub(super) fn vjp(
    device: &CudaDevice,
    g: &CudaView<'_, f32>,
    y: &CudaView<'_, f32>,
    slope: f64,
) -> Result<CudaSlice<f32>> {
    let count = size("leaky_relu_vjp", g.len())?;
    let gx = uninitialized(device, g.len())?;
    launch!(device, "leaky_relu_vjp", elements(count), [count, *g, *y, slope as f32, gx])?;
    Ok(gx)
}
