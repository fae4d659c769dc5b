//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, DType, Result, Tensor};

use super::{NAME, NoiseBiasAct};
use crate::kernel::cuda::{Elements, Room, elements, launch, size, sums, with_elements};
use crate::planes::Planes;

pub(super) fn forward(
    device: &CudaDevice,
    x: Elements<'_>,
    noise: Elements<'_>,
    weight: Elements<'_>,
    bias: Elements<'_>,
    op: &NoiseBiasAct,
) -> Result<Room> {
    let (count, plane) = (size(NAME, x.len())?, size(NAME, op.planes.len)?);
    let (channels, maps) = (size(NAME, op.planes.channels)?, size(NAME, op.noise.dim(0)?)?);
    let (scale, slope) = (op.bias_scale as f32, op.slope as f32);
    let y = Room::new(device, x.len(), x.dtype())?;
    launch!(
        device,
        "noise_bias_act_forward" of x.dtype(),
        elements(count),
        [count, x, noise, weight, bias, scale, slope, plane, channels, maps, y]
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
    let planes = op.planes.count();
    size(NAME, op.planes.elements())?;
    let (plane, maps) = (size(NAME, len)?, size(NAME, op.noise.dim(0)?)?);
    with_elements(NAME, [g, y], &[&op.noise], |device, dtype, [own, y], parameters| {
        let gx = Room::new(device, own.len(), dtype)?;
        let along = Room::new(device, 2 * planes, DType::F32)?;
        let (planes, slope) = (planes as u32, op.slope as f32);
        launch!(
            device,
            "noise_bias_act_backward" of dtype,
            sums(planes, len),
            [planes, own, y, parameters[0], slope, plane, channels as u32, maps, gx, along]
        )?;
        let per_channel = along.tensor((2, batch, channels)).sum(1)?;
        Ok((gx.tensor(g.shape()), per_channel.get(0)?, per_channel.get(1)?))
    })
}
