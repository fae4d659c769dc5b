//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, DType, Result, Tensor};

use super::BiasAct;
use crate::kernel::cuda::{Elements, Room, elements, launch, size, sums, with_elements};
use crate::leaky_relu::leaky_relu_vjp;
use crate::planes::Planes;
use crate::precision::wide;

const NAME: &str = "bias_act";

pub(super) fn forward(
    device: &CudaDevice,
    x: Elements<'_>,
    bias: Elements<'_>,
    op: &BiasAct,
) -> Result<Room> {
    let y = Room::new(device, x.len(), x.dtype())?;
    write(device, x, bias, op, &y)?;
    Ok(y)
}

/// The same, in place of x.
pub(crate) fn in_place(
    device: &CudaDevice,
    x: &Room,
    bias: Elements<'_>,
    op: &BiasAct,
) -> Result<()> {
    write(device, x.elements(), bias, op, x)
}

fn write(
    device: &CudaDevice,
    x: Elements<'_>,
    bias: Elements<'_>,
    op: &BiasAct,
    y: &Room,
) -> Result<()> {
    let (count, plane) = (size(NAME, x.len())?, size(NAME, op.planes.len)?);
    let channels = size(NAME, op.planes.channels)?;
    // With slope 1 the activation is the identity.
    let (scale, slope) = (op.bias_scale as f32, op.slope.unwrap_or(1.0) as f32);
    launch!(
        device,
        "bias_act_forward" of x.dtype(),
        elements(count),
        [count, x, bias, scale, slope, plane, channels, *y]
    )
}

/// The gradient of x, and its sums over images and positions `[C]` if they are wanted.
pub(crate) fn backward(
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
    size(NAME, op.planes.elements())?;
    let plane = size(NAME, len)?;
    with_elements(NAME, [g, y], &[], |device, dtype, [own, y], _| {
        let gx = Room::new(device, own.len(), dtype)?;
        let per_plane = Room::new(device, planes, DType::F32)?;
        launch!(
            device,
            "bias_act_backward" of dtype,
            sums(planes as u32, len),
            [own, y, slope as f32, plane, gx, per_plane]
        )?;
        Ok((gx.tensor(g.shape()), Some(per_plane.tensor((batch, channels)).sum(0)?)))
    })
}

/// The sums of g over images and positions `[C]`, in float32.
fn channel_sums(g: &Tensor, planes: &Planes) -> Result<Tensor> {
    let &Planes { batch, channels, len } = planes;
    if len == 1 {
        return wide(g)?.reshape((batch, channels))?.sum(0);
    }
    let plane = size(NAME, len)?;
    size(NAME, planes.elements())?;
    with_elements(NAME, [g], &[], |device, dtype, [g], _| {
        let per_plane = Room::new(device, planes.count(), DType::F32)?;
        let config = sums(planes.count() as u32, len);
        launch!(device, "plane_sums" of dtype, config, [g, plane, per_plane])?;
        per_plane.tensor((batch, channels)).sum(0)
    })
}
