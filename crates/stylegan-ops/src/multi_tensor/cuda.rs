//! Float32 kernels for NVIDIA's GPUs: a table of addresses goes along with the launch.

use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Result, Storage, Tensor, bail};

use super::{AdamDecay, AdamParameter, NotFinite};
use crate::kernel::cuda::{Elements, all_cuda_f32, launch, size};

const NAME: &str = "multi_tensor";

/// Elements of a chunk, as in kernel.cu.
const CHUNK: u32 = 4096;

/// Threads of a block.
const THREADS: u32 = 256;

/// `AdamTensors` of kernel.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct KernelTensors {
    p: u64,
    g: u64,
    m: u64,
    v: u64,
    average: u64,
    len: u32,
    first: u32,
    step_size: f32,
    inverse_root: f32,
    beta: f32,
    unused: f32,
}

// SAFETY: addresses and plain numbers, laid out as in kernel.cu.
unsafe impl DeviceRepr for KernelTensors {}

pub(super) fn has_kernel(parameter: &AdamParameter<'_>) -> bool {
    let AdamParameter { value, update, average } = parameter;
    let update = update.iter().all(|u| {
        all_cuda_f32(&[u.gradient, u.second]) && u.first.is_none_or(|m| all_cuda_f32(&[m]))
    });
    update && all_cuda_f32(&[value]) && average.is_none_or(|(a, _)| all_cuda_f32(&[a]))
}

pub(super) fn update(
    parameters: &[AdamParameter<'_>],
    decay: AdamDecay,
    unless: Option<&NotFinite>,
) -> Result<()> {
    let Some(device) = device_of(parameters.iter().map(|parameter| parameter.value))? else {
        return Ok(());
    };
    let AdamDecay { beta1, beta2, epsilon } = decay;
    let mut table = Table::default();
    for AdamParameter { value, update, average } in parameters {
        let same = |tensor: &Tensor| {
            if tensor.dims() != value.dims() {
                bail!("{NAME}: expected {:?}, got {:?}", value.dims(), tensor.dims());
            }
            address(tensor)
        };
        let mut entry = KernelTensors { p: address(value)?, ..KernelTensors::default() };
        if let Some(update) = update {
            (entry.g, entry.v) = (same(update.gradient)?, same(update.second)?);
            entry.m = update.first.map(same).transpose()?.unwrap_or(0);
            entry.step_size = update.step_size as f32;
            entry.inverse_root = update.inverse_root as f32;
        }
        if let Some((average, beta)) = average {
            (entry.average, entry.beta) = (same(average)?, *beta as f32);
        }
        table.add(entry, value.elem_count())?;
    }
    let (count, config) = table.launch()?;
    let entries = device.clone_htod(&table.entries)?;
    let (rest1, rest2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
    let (beta1, beta2, epsilon) = (beta1 as f32, beta2 as f32, epsilon as f32);
    let any = unless.map(NotFinite::any).transpose()?;
    let unless = any.as_ref().map(address).transpose()?.unwrap_or(0);
    launch!(
        device,
        "adam_update",
        config,
        [entries, count, unless, beta1, rest1, beta2, rest2, epsilon]
    )
}

/// A flag for each tensor, and one for all of them.
pub(super) fn not_finite(tensors: &[&Tensor]) -> Result<Tensor> {
    let Some(device) = device_of(tensors.iter().copied())? else {
        bail!("{NAME}: expected at least one tensor")
    };
    let mut table = Table::default();
    for tensor in tensors {
        let entry = KernelTensors { p: address(tensor)?, ..KernelTensors::default() };
        table.add(entry, tensor.elem_count())?;
    }
    let (count, config) = table.launch()?;
    let entries = device.clone_htod(&table.entries)?;
    let flags = device.alloc_zeros::<f32>(tensors.len() + 1)?;
    launch!(device, "not_finite", config, [entries, count, flags])?;
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(flags, device));
    Ok(Tensor::from_storage(storage, tensors.len() + 1, BackpropOp::none(), false))
}

/// The tensors of a launch, and how many chunks they have.
#[derive(Default)]
struct Table {
    entries: Vec<KernelTensors>,
    chunks: u32,
}

impl Table {
    fn add(&mut self, entry: KernelTensors, len: usize) -> Result<()> {
        let len = size(NAME, len)?;
        self.entries.push(KernelTensors { len, first: self.chunks, ..entry });
        self.chunks += len.div_ceil(CHUNK);
        Ok(())
    }

    fn launch(&self) -> Result<(u32, LaunchConfig)> {
        let (grid_dim, block_dim) = ((self.chunks.max(1), 1, 1), (THREADS, 1, 1));
        let config = LaunchConfig { grid_dim, block_dim, shared_mem_bytes: 0 };
        Ok((size(NAME, self.entries.len())?, config))
    }
}

/// The GPU of the first tensor.
fn device_of<'a>(mut tensors: impl Iterator<Item = &'a Tensor>) -> Result<Option<CudaDevice>> {
    tensors.next().map(|tensor| tensor.device().as_cuda_device().cloned()).transpose()
}

/// Where the elements of a contiguous tensor lie.
fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("{NAME}: expected a tensor on a GPU") };
    Ok(Elements::float32(NAME, storage, layout)?.address())
}
