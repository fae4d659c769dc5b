//! What the kernels for NVIDIA's GPUs share: arguments, launches, results.
//!
//! All `kernel.cu` files are compiled to one PTX text by `build.rs`, which the driver translates for the GPU at hand when the first kernel is asked for.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, LaunchConfig};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Layout, Result, Shape, Storage, Tensor, bail};

/// Threads of a block where elements do not depend on each other.
const THREADS: u32 = 256;

/// Blocks beyond which threads take several elements each.
const MOST_BLOCKS: u32 = 1 << 16;

/// Threads of a block that adds up, at most. `block_sum` in `common.cuh` has room for as many.
const MOST_SUMMING: usize = 512;

/// The kernels' PTX, and the name under which the driver's translation is kept.
pub(crate) const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));
pub(crate) const MODULE: &str = "stylegan_ops";

/// True if every tensor is float32 on a GPU, so that the kernels apply.
pub(crate) fn all_cuda_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|t| t.dtype() == DType::F32 && t.device().is_cuda())
}

/// The elements of a contiguous float32 storage in row-major order.
pub(crate) fn f32_view<'a>(
    op: &'static str,
    storage: &'a CudaStorage,
    layout: &Layout,
) -> Result<CudaView<'a, f32>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op}: expected a contiguous argument, got strides {:?}", layout.stride());
    };
    Ok(storage.as_cuda_slice::<f32>()?.slice(start..end))
}

/// What a kernel wrote, as the result of a custom operation.
pub(crate) fn result(
    values: CudaSlice<f32>,
    device: &CudaDevice,
    shape: impl Into<Shape>,
) -> (CudaStorage, Shape) {
    (CudaStorage::wrap_cuda_slice(values, device.clone()), shape.into())
}

/// Runs `work` on the elements of contiguous float32 tensors of one GPU, and gives what it returns the shape `shape`. The result is not tracked: backward
/// passes are made of this.
pub(crate) fn compute<const N: usize>(
    op: &'static str,
    tensors: [&Tensor; N],
    shape: impl Into<Shape>,
    work: impl FnOnce(&CudaDevice, [&CudaView<'_, f32>; N]) -> Result<CudaSlice<f32>>,
) -> Result<Tensor> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let (mut views, mut device) = (Vec::with_capacity(N), None);
    for (storage, layout) in &guards {
        let Storage::Cuda(storage) = &**storage else {
            bail!("{op}: expected a tensor on a GPU, got one on {:?}", storage.device().location());
        };
        device = Some(storage.device().clone());
        views.push(f32_view(op, storage, layout)?);
    }
    let Some(device) = device else { bail!("{op}: expected at least one tensor") };
    let values = work(&device, std::array::from_fn(|i| &views[i]))?;
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, device));
    Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
}

/// The first `shape` of what [`compute`] returned as one row, and the `rest` elements behind it, as tensors that share their storage.
pub(crate) fn split(
    row: &Tensor,
    shape: impl Into<Shape>,
    rest: usize,
) -> Result<(Tensor, Tensor)> {
    let shape = shape.into();
    let count = shape.elem_count();
    Ok((row.narrow(0, 0, count)?.reshape(shape)?, row.narrow(0, count, rest)?))
}

/// Room for the result of a kernel that writes every element.
pub(crate) fn uninitialized(device: &CudaDevice, len: usize) -> Result<CudaSlice<f32>> {
    // SAFETY: the caller's kernel writes every element before anything reads one.
    unsafe { device.alloc::<f32>(len) }
}

/// A size as kernels take it: they count elements with 32 bits.
pub(crate) fn size(op: &str, size: usize) -> Result<u32> {
    match u32::try_from(size) {
        Ok(size) => Ok(size),
        Err(_) => bail!("{op}: a tensor of {size} elements is too large for a kernel"),
    }
}

/// Threads for `count` elements that do not depend on each other.
pub(crate) fn elements(count: u32) -> LaunchConfig {
    let blocks = count.div_ceil(THREADS).clamp(1, MOST_BLOCKS);
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 }
}

/// A block for each of `count` sums of `len` terms.
pub(crate) fn sums(count: u32, len: usize) -> LaunchConfig {
    let threads = len.next_power_of_two().clamp(32, MOST_SUMMING) as u32;
    LaunchConfig { grid_dim: (count, 1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

/// Launches a kernel by name: `launch!(device, "name", config, [arguments in the kernel's order])?`.
///
/// The list of arguments must be that of the kernel in number, order and type; sizes are `u32`, tensors are views and slices of `f32`.
macro_rules! launch {
    ($device:expr, $name:literal, $config:expr, [$($argument:expr),+ $(,)?]) => {{
        use candle_core::cuda_backend::WrapErr;
        use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
        use $crate::kernel::cuda::{MODULE, PTX};
        let function = $device.get_or_load_custom_func($name, MODULE, PTX)?;
        let mut arguments = function.builder();
        $(
            let argument = &$argument;
            arguments.arg(argument);
        )+
        // SAFETY: the arguments are the kernel's, as said above, and the sizes among them are those of the tensors.
        unsafe { arguments.launch($config) }.w().map(|_| ())
    }};
}

pub(crate) use launch;
