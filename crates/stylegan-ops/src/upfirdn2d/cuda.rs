//! Kernel for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
use candle_core::{CudaDevice, Result};

use super::geometry::{Axis, Geometry};
use crate::kernel::cuda::{Elements, Room, elements, launch, size};

/// Taps that the kernel has room for; longer filters take the reference form.
pub(super) const MOST_TAPS: usize = 16;

/// `UpfirdnAxis` of kernel.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct KernelAxis {
    up: u32,
    down: u32,
    before: i32,
    input: u32,
    output: u32,
    taps: u32,
    tap: [f32; MOST_TAPS],
}

// SAFETY: plain numbers, laid out as in kernel.cu.
unsafe impl DeviceRepr for KernelAxis {}

impl KernelAxis {
    fn new(axis: &Axis, taps: &[f64], gain: f64) -> Self {
        let mut tap = [0.0; MOST_TAPS];
        for (tap, &value) in tap.iter_mut().zip(taps) {
            *tap = (value * gain) as f32;
        }
        Self {
            up: axis.up as u32,
            down: axis.down as u32,
            before: axis.before as i32,
            input: axis.input as u32,
            output: axis.output as u32,
            taps: taps.len() as u32,
            tap,
        }
    }
}

/// The resampling of `planes` planes.
pub(super) fn apply(
    device: &CudaDevice,
    x: Elements<'_>,
    planes: usize,
    geometry: &Geometry,
) -> Result<Room> {
    let [rows, columns] = &geometry.axes;
    let len = planes * rows.output * columns.output;
    let count = size("upfirdn2d", len.max(x.len()))?.min(len as u32);
    let rows = KernelAxis::new(rows, &geometry.taps, 1.0);
    let columns = KernelAxis::new(columns, &geometry.taps, geometry.gain);
    let y = Room::new(device, len, x.dtype())?;
    launch!(device, "upfirdn2d_forward" of x.dtype(), elements(count), [count, x, rows, columns, y])?;
    Ok(y)
}
