//! The distributions on NVIDIA's GPUs: the same bits, made where they are needed.

use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
use candle_core::{CudaDevice, DType, Result, Shape, Tensor};

use super::Stream;
use crate::kernel::cuda::{Room, elements, launch, size};

/// `RandomStream` of kernel.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct KernelStream {
    key: [u32; 2],
    id: u32,
    step: [u32; 2],
}

// SAFETY: plain numbers, laid out as in kernel.cu.
unsafe impl DeviceRepr for KernelStream {}

/// The distributions that kernel.cu knows.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Normal,
    Uniform,
    SaltAndPepper,
}

/// The elements of a tensor of `shape`, in the memory of `device`.
pub(super) fn tensor(
    stream: &Stream,
    kind: Kind,
    shape: Shape,
    device: &CudaDevice,
) -> Result<Tensor> {
    let len = shape.elem_count();
    let count = size("random", len)?;
    let (key, [_, id, low, high]) = stream.counter(0);
    let stream = KernelStream { key, id, step: [low, high] };
    let out = Room::new(device, len, DType::F32)?;
    let config = elements(count.div_ceil(4));
    match kind {
        Kind::Normal => launch!(device, "random_normal", config, [count, stream, out]),
        Kind::Uniform => launch!(device, "random_uniform", config, [count, stream, out]),
        Kind::SaltAndPepper => {
            launch!(device, "random_salt_and_pepper", config, [count, stream, out])
        }
    }?;
    Ok(out.tensor(shape))
}
