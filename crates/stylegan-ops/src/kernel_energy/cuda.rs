//! Float32 kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::{CudaDevice, Result, Tensor};

use crate::kernel::cuda::{compute, elements, launch, size, uninitialized};

const NAME: &str = "kernel_energy";

pub(super) fn forward(
    device: &CudaDevice,
    w: &CudaView<'_, f32>,
    taps: usize,
    scale: f64,
) -> Result<CudaSlice<f32>> {
    let taps = size(NAME, taps)?;
    let count = size(NAME, w.len())? / taps.max(1);
    let sums = uninitialized(device, count as usize)?;
    let factor = (scale * scale) as f32;
    launch!(device, "kernel_energy_forward", elements(count), [count, *w, taps, factor, sums])?;
    Ok(sums)
}

pub(super) fn backward(w: &Tensor, g: &Tensor, taps: usize, scale: f64) -> Result<Tensor> {
    let (count, taps) = (size(NAME, w.elem_count())?, size(NAME, taps)?);
    let factor = (2.0 * scale * scale) as f32;
    compute(NAME, [w, g], w.shape(), |device, [w, g]| {
        let gw = uninitialized(device, w.len())?;
        let config = elements(count);
        launch!(device, "kernel_energy_backward", config, [count, *w, *g, taps, factor, gw])?;
        Ok(gw)
    })
}
