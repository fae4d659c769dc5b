//! Float32 kernels for NVIDIA's GPUs, a block a run of channels of a group.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DeviceRepr, LaunchConfig};
use candle_core::{CudaDevice, Result, Tensor};

use super::Groups;
use crate::kernel::cuda::{compute, launch, size, split, sums, uninitialized};

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

pub(super) fn forward(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    groups: &Groups,
) -> Result<CudaSlice<f32>> {
    let y = uninitialized(device, groups.output_shape().elem_count())?;
    let (groups, config) = groups.for_kernel()?;
    launch!(device, "minibatch_stddev_forward", config, [*x, groups, y])?;
    Ok(y)
}

pub(super) fn vjp(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    g: &CudaView<'_, f32>,
    groups: &Groups,
) -> Result<CudaSlice<f32>> {
    let gx = uninitialized(device, x.len())?;
    let weight = groups.weight();
    let (groups, config) = groups.for_kernel()?;
    launch!(device, "minibatch_stddev_vjp", config, [*x, *g, groups, weight, gx])?;
    Ok(gx)
}

/// The gradients of `sum(v * vjp(x, g))`: to x, and to g.
pub(super) fn vjp_backward(
    x: &Tensor,
    g: &Tensor,
    v: &Tensor,
    groups: &Groups,
) -> Result<(Tensor, Tensor)> {
    let (own, other, weight) = (x.elem_count(), g.elem_count(), groups.weight());
    size(NAME, own + other)?;
    let out = compute(NAME, [x, g, v], own + other, |device, [x, g, v]| {
        let out = uninitialized(device, own + other)?;
        let (groups, config) = groups.for_kernel()?;
        launch!(
            device,
            "minibatch_stddev_vjp_backward",
            config,
            [own as u32, *x, *g, *v, groups, weight, out]
        )?;
        Ok(out)
    })?;
    let (to_x, to_g) = split(&out, x.shape(), other)?;
    Ok((to_x, to_g.reshape(g.shape())?))
}
