//! Kernels for NVIDIA's GPUs, a block a run of channels of a group.

use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig};
use candle_core::{CudaDevice, Result, Tensor};

use super::Groups;
use crate::kernel::cuda::{Elements, Room, launch, shared_type, size, sums, with_elements};

const NAME: &str = "minibatch_stddev";

/// `StddevGroups` of kernel.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct KernelGroups {
    members: u32,
    count: u32,
    features: u32,
    run: u32,
    positions: u32,
}

// SAFETY: plain numbers, laid out as in kernel.cu.
unsafe impl DeviceRepr for KernelGroups {}

impl Groups {
    fn for_kernel(&self) -> Result<(KernelGroups, LaunchConfig)> {
        size(NAME, self.output_shape().elem_count())?;
        let groups = KernelGroups {
            members: self.members as u32,
            count: self.count as u32,
            features: self.features as u32,
            run: self.run as u32,
            positions: self.positions() as u32,
        };
        Ok((groups, sums(groups.count * groups.features, self.run * self.positions())))
    }
}

pub(super) fn forward(device: &CudaDevice, x: Elements<'_>, groups: &Groups) -> Result<Room> {
    let y = Room::new(device, groups.output_shape().elem_count(), x.dtype())?;
    let (groups, config) = groups.for_kernel()?;
    launch!(device, "minibatch_stddev_forward" of x.dtype(), config, [x, groups, y])?;
    Ok(y)
}

pub(super) fn vjp(
    device: &CudaDevice,
    x: Elements<'_>,
    g: Elements<'_>,
    groups: &Groups,
) -> Result<Room> {
    let dtype = shared_type(NAME, [x, g])?;
    let gx = Room::new(device, x.len(), dtype)?;
    let weight = groups.weight();
    let (groups, config) = groups.for_kernel()?;
    launch!(device, "minibatch_stddev_vjp" of dtype, config, [x, g, groups, weight, gx])?;
    Ok(gx)
}

/// The gradients of `sum(v * vjp(x, g))`: to x, and to g.
pub(super) fn vjp_backward(
    x: &Tensor,
    g: &Tensor,
    v: &Tensor,
    groups: &Groups,
) -> Result<(Tensor, Tensor)> {
    size(NAME, x.elem_count().max(g.elem_count()))?;
    with_elements(NAME, [x, g, v], &[], |device, dtype, [own, other, v], _| {
        let to_x = Room::new(device, own.len(), dtype)?;
        let to_g = Room::new(device, other.len(), dtype)?;
        let weight = groups.weight();
        let (groups, config) = groups.for_kernel()?;
        launch!(
            device,
            "minibatch_stddev_vjp_backward" of dtype,
            config,
            [own, other, v, groups, weight, to_x, to_g]
        )?;
        Ok((to_x.tensor(x.shape()), to_g.tensor(g.shape())))
    })
}
