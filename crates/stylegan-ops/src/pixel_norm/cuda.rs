//! Kernels for NVIDIA's GPUs.

use candle_core::cuda_backend::cudarc::driver::LaunchConfig;
use candle_core::{CudaDevice, Result, Tensor};

use crate::kernel::cuda::{Elements, Room, launch, size, with_elements};
use crate::planes::Planes;

const NAME: &str = "pixel_norm";

/// Threads of a block.
const THREADS: u32 = 256;

/// Neighbouring positions of a block at most: a warp reads them together.
const MOST_LANES: usize = 32;

/// How the positions of an image are shared out.
struct Tiles {
    lanes: u32,
    /// Blocks an image.
    tiles: u32,
    config: LaunchConfig,
}

impl Tiles {
    fn of(planes: &Planes) -> Result<Self> {
        let (batch, plane) = (size(NAME, planes.batch)?, size(NAME, planes.len)?);
        size(NAME, planes.elements())?;
        let lanes = planes.len.next_power_of_two().min(MOST_LANES) as u32;
        let tiles = plane.div_ceil(lanes);
        let config = LaunchConfig {
            grid_dim: (batch * tiles, 1, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        Ok(Self { lanes, tiles, config })
    }
}

pub(super) fn forward(
    device: &CudaDevice,
    x: Elements<'_>,
    planes: &Planes,
    eps: f64,
) -> Result<Room> {
    let Tiles { lanes, tiles, config } = Tiles::of(planes)?;
    let (plane, channels) = (planes.len as u32, planes.channels as u32);
    let y = Room::new(device, x.len(), x.dtype())?;
    launch!(
        device,
        "pixel_norm_forward" of x.dtype(),
        config,
        [x, plane, channels, eps as f32, lanes, tiles, y]
    )?;
    Ok(y)
}

pub(super) fn backward(g: &Tensor, x: &Tensor, planes: &Planes, eps: f64) -> Result<Tensor> {
    let Tiles { lanes, tiles, config } = Tiles::of(planes)?;
    let (plane, channels) = (planes.len as u32, planes.channels as u32);
    with_elements(NAME, [g, x], &[], |device, dtype, [g, own], _| {
        let gx = Room::new(device, planes.elements(), dtype)?;
        launch!(
            device,
            "pixel_norm_backward" of dtype,
            config,
            [g, own, plane, channels, eps as f32, lanes, tiles, gx]
        )?;
        Ok(gx.tensor(x.shape()))
    })
}
