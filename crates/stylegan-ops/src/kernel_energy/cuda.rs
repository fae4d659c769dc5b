//! Float32 kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, DType, Result, Tensor};

use crate::kernel::cuda::{Elements, Room, elements, launch, size, with_elements};

const NAME: &str = "kernel_energy";

pub(super) fn forward(
    device: &CudaDevice,
    w: Elements<'_>,
    taps: usize,
    scale: f64,
) -> Result<Room> {
    let taps = size(NAME, taps)?;
    let count = size(NAME, w.len())? / taps.max(1);
    let sums = Room::new(device, count as usize, DType::F32)?;
    let factor = (scale * scale) as f32;
    launch!(device, "kernel_energy_forward", elements(count), [count, w, taps, factor, sums])?;
    Ok(sums)
}

pub(super) fn backward(w: &Tensor, g: &Tensor, taps: usize, scale: f64) -> Result<Tensor> {
    let (count, taps) = (size(NAME, w.elem_count())?, size(NAME, taps)?);
    let factor = (2.0 * scale * scale) as f32;
    with_elements(NAME, [], &[w, g], |device, _, [], parameters| {
        let (own, g) = (parameters[0], parameters[1]);
        let gw = Room::new(device, own.len(), DType::F32)?;
        let config = elements(count);
        launch!(device, "kernel_energy_backward", config, [count, own, g, taps, factor, gw])?;
        Ok(gw.tensor(w.shape()))
    })
}
