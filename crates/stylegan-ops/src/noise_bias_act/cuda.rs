//! Float32 kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result, Tensor};

use super::{NAME, NoiseBiasAct};
use crate::kernel::cuda::{compute, elements, launch, size, split, sums, uninitialized};
use crate::planes::Planes;

pub(super) fn forward(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    noise: &CudaView<'_, f32>,
    weight: &CudaView<'_, f32>,
    bias: &CudaView<'_, f32>,
    op: &NoiseBiasAct,
) -> Result<CudaSlice<f32>> {
    let (count, plane) = (size(NAME, x.len())?, size(NAME, op.planes.len)?);
    let (channels, maps) = (size(NAME, op.planes.channels)?, size(NAME, op.noise.dim(0)?)?);
    let (scale, slope) = (op.bias_scale as f32, op.slope as f32);
    let y = uninitialized(device, x.len())?;
    launch!(
        device,
        "noise_bias_act_forward",
        elements(count),
        [count, *x, *noise, *weight, *bias, scale, slope, plane, channels, maps, y]
    )?;
    Ok(y)
}

/// The gradient of x, and its sums over images and positions, alone and times the noise, `[C]` each.
pub(super) fn backward(
    g: &Tensor,
    y: &Tensor,
    op: &NoiseBiasAct,
) -> Result<(Tensor, Tensor, Tensor)> {
    let Planes { batch, channels, len } = op.planes;
    let (elements, planes) = (op.planes.elements(), op.planes.count());
    size(NAME, elements + 2 * planes)?;
    let (count, plane) = (elements as u32, size(NAME, len)?);
    let maps = size(NAME, op.noise.dim(0)?)?;
    let total = elements + 2 * planes;
    let out = compute(NAME, [g, y, &op.noise], total, |device, [g, y, noise]| {
        let out = uninitialized(device, total)?;
        let (planes, channels) = (planes as u32, channels as u32);
        launch!(
            device,
            "noise_bias_act_backward",
            sums(planes, len),
            [count, planes, *g, *y, *noise, op.slope as f32, plane, channels, maps, out]
        )?;
        Ok(out)
    })?;
    let (gx, rest) = split(&out, g.shape(), 2 * planes)?;
    let per_channel = rest.reshape((2, batch, channels))?.sum(1)?;
    Ok((gx, per_channel.get(0)?, per_channel.get(1)?))
}
