//! Float32 kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result, Tensor};

use super::BiasAct;
use crate::kernel::cuda::{compute, elements, launch, size, split, sums, uninitialized};
use crate::leaky_relu::leaky_relu_vjp;
use crate::planes::Planes;

const NAME: &str = "bias_act";

pub(super) fn forward(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    bias: &CudaView<'_, f32>,
    op: &BiasAct,
) -> Result<CudaSlice<f32>> {
    let (count, plane) = (size(NAME, x.len())?, size(NAME, op.planes.len)?);
    let channels = size(NAME, op.planes.channels)?;
    // With slope 1 the activation is the identity.
    let (scale, slope) = (op.bias_scale as f32, op.slope.unwrap_or(1.0) as f32);
    let y = uninitialized(device, x.len())?;
    let config = elements(count);
    launch!(
        device,
        "bias_act_forward",
        config,
        [count, *x, *bias, scale, slope, plane, channels, y]
    )?;
    Ok(y)
}

/// The gradient of x, and its sums over images and positions `[C]` if they are wanted.
pub(super) fn backward(
    g: &Tensor,
    y: &Tensor,
    op: &BiasAct,
    with_sums: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let Planes { batch, channels, len } = op.planes;
    let Some(slope) = op.slope else {
        let sums = if with_sums { Some(channel_sums(g, &op.planes)?) } else { None };
        return Ok((g.clone(), sums));
    };
    if len == 1 || !with_sums {
        let gx = leaky_relu_vjp(g, y, slope)?;
        let sums = if with_sums { Some(channel_sums(&gx, &op.planes)?) } else { None };
        return Ok((gx, sums));
    }
    let planes = op.planes.count();
    let (elements, plane) = (op.planes.elements(), size(NAME, len)?);
    let count = size(NAME, elements + planes)? - planes as u32;
    let out = compute(NAME, [g, y], elements + planes, |device, [g, y]| {
        let out = uninitialized(device, elements + planes)?;
        let config = sums(planes as u32, len);
        launch!(device, "bias_act_backward", config, [count, *g, *y, slope as f32, plane, out])?;
        Ok(out)
    })?;
    let (gx, sums) = split(&out, g.shape(), planes)?;
    Ok((gx, Some(sums.reshape((batch, channels))?.sum(0)?)))
}

/// The sums of g over images and positions `[C]`.
fn channel_sums(g: &Tensor, planes: &Planes) -> Result<Tensor> {
    let &Planes { batch, channels, len } = planes;
    if len == 1 {
        return g.reshape((batch, channels))?.sum(0);
    }
    let plane = size(NAME, len)?;
    size(NAME, planes.elements())?;
    let per_plane = compute(NAME, [g], (batch, channels), |device, [g]| {
        let out = uninitialized(device, planes.count())?;
        launch!(device, "plane_sums", sums(planes.count() as u32, len), [*g, plane, out])?;
        Ok(out)
    })?;
    per_plane.sum(0)
}
