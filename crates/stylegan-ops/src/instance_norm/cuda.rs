//! Kernels for NVIDIA's GPUs, a block a plane. The backward pass makes the statistics again: that costs less than to keep them.

use candle_core::{CudaDevice, DType, Result, Tensor};

use crate::kernel::cuda::{Elements, Room, launch, size, sums, with_elements};
use crate::planes::Planes;

const NAME: &str = "adain";

/// The normalized planes, times and plus the style if there is one.
pub(super) fn forward(
    device: &CudaDevice,
    x: Elements<'_>,
    style: Option<Elements<'_>>,
    planes: &Planes,
    eps: f64,
) -> Result<Room> {
    size(NAME, x.len())?;
    let (plane, channels, styled) =
        (planes.len as u32, planes.channels as u32, u32::from(style.is_some()));
    let y = Room::new(device, x.len(), x.dtype())?;
    let config = sums(planes.count() as u32, planes.len);
    // Without a style the kernel does not look at it.
    let style = style.unwrap_or(x);
    launch!(device, "adain_forward" of x.dtype(), config, [x, style, styled, plane, channels, eps, y])?;
    Ok(y)
}

/// The gradients of x, and of the style `[N, 2C]` if there is one.
pub(super) fn backward(
    g: &Tensor,
    x: &Tensor,
    style: Option<&Tensor>,
    planes: &Planes,
    eps: f64,
) -> Result<(Tensor, Option<Tensor>)> {
    size(NAME, planes.elements())?;
    let (plane, channels) = (planes.len as u32, planes.channels as u32);
    let styled = u32::from(style.is_some());
    with_elements(NAME, [g, x], style.as_slice(), |device, dtype, [g, own], parameters| {
        // Without a style the kernel does not look at it.
        let factors = parameters.first().copied().unwrap_or(own);
        let gx = Room::new(device, planes.elements(), dtype)?;
        let gstyle = Room::new(device, style.map_or(1, Tensor::elem_count), DType::F32)?;
        launch!(
            device,
            "adain_backward" of dtype,
            sums(planes.count() as u32, planes.len),
            [g, own, factors, styled, plane, channels, eps, gx, gstyle]
        )?;
        Ok((gx.tensor(x.shape()), style.map(|style| gstyle.tensor(style.shape()))))
    })
}
