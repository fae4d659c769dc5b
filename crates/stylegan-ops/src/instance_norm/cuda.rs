//! Float32 kernels for NVIDIA's GPUs, a block a plane. The backward pass makes the statistics again: that costs less than to keep them.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result, Tensor};

use crate::kernel::cuda::{compute, launch, size, split, sums, uninitialized};
use crate::planes::Planes;

const NAME: &str = "adain";

/// The normalized planes, times and plus the style if there is one.
pub(super) fn forward(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    style: Option<&CudaView<'_, f32>>,
    planes: &Planes,
    eps: f64,
) -> Result<CudaSlice<f32>> {
    size(NAME, x.len())?;
    let (plane, channels, styled) =
        (planes.len as u32, planes.channels as u32, u32::from(style.is_some()));
    let y = uninitialized(device, x.len())?;
    let config = sums(planes.count() as u32, planes.len);
    // Without a style the kernel does not look at it.
    let style = style.unwrap_or(x);
    launch!(device, "adain_forward", config, [*x, *style, styled, plane, channels, eps, y])?;
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
    let elements = planes.elements();
    let extra = style.map_or(0, Tensor::elem_count);
    size(NAME, elements + extra)?;
    let (count, plane, channels) = (elements as u32, planes.len as u32, planes.channels as u32);
    let styled = u32::from(style.is_some());
    let arguments = [g, x, style.unwrap_or(x)];
    let out = compute(NAME, arguments, elements + extra, |device, [g, x, style]| {
        let out = uninitialized(device, elements + extra)?;
        launch!(
            device,
            "adain_backward",
            sums(planes.count() as u32, planes.len),
            [count, *g, *x, *style, styled, plane, channels, eps, out]
        )?;
        Ok(out)
    })?;
    let (gx, gstyle) = split(&out, x.shape(), extra)?;
    let gstyle = style.map(|style| gstyle.reshape(style.shape())).transpose()?;
    Ok((gx, gstyle))
}
