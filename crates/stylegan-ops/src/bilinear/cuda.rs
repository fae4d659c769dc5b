//! Kernels for NVIDIA's GPUs.

use candle_core::{CudaDevice, Result};

use super::Direction;
use crate::kernel::cuda::{Elements, Room, elements, launch, size};

/// The resampling of planes of `h` x `w`.
pub(super) fn apply(
    device: &CudaDevice,
    x: Elements<'_>,
    (h, w): (usize, usize),
    direction: Direction,
) -> Result<Room> {
    let (rows, columns) = direction.output((h, w));
    let length = x.len() / (h * w).max(1) * rows * columns;
    let (count, y) = (size(direction.name(), length)?, Room::new(device, length, x.dtype())?);
    let (h, w) = (h as u32, w as u32);
    match direction {
        Direction::Doubling => {
            launch!(device, "bilinear_doubling" of x.dtype(), elements(count), [count, x, h, w, y])?;
        }
        Direction::Halving => {
            launch!(device, "bilinear_halving" of x.dtype(), elements(count), [count, x, h, w, y])?;
        }
    }
    Ok(y)
}
