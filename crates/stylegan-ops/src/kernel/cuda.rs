//! What the kernels for NVIDIA's GPUs share: arguments, launches, results.
//!
//! All `kernel.cu` files are compiled to one PTX text by `build.rs`, which the driver translates for the GPU at hand when the first kernel is asked for.
//! Activations are float32, float16 or bfloat16, and their type is part of a kernel's name; everything else is float32.

use std::marker::PhantomData;

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DeviceRepr, LaunchConfig};
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

/// True if every tensor is float32 on a GPU.
pub(crate) fn all_cuda_f32(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|t| t.dtype() == DType::F32 && t.device().is_cuda())
}

/// True if the kernels apply: all on a GPU, the activations of one type that there are kernels for, the parameters in float32.
pub(crate) fn kernels_take(activations: &[&Tensor], parameters: &[&Tensor]) -> bool {
    let dtype = activations.first().map_or(DType::F32, |t| t.dtype());
    matches!(dtype, DType::F32 | DType::F16 | DType::BF16)
        && activations.iter().all(|t| t.dtype() == dtype && t.device().is_cuda())
        && all_cuda_f32(parameters)
}

/// The elements of a contiguous tensor in a GPU's memory, as an argument of a kernel.
///
/// A launch passes as many of its first bytes as the kernel's parameter has: the address comes first.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Elements<'a> {
    address: u64,
    len: usize,
    dtype: DType,
    life: PhantomData<&'a CudaStorage>,
}

// SAFETY: the first field is the pointer that the kernels take.
unsafe impl DeviceRepr for Elements<'_> {}

impl<'a> Elements<'a> {
    /// Those of `storage` that `layout` covers. All work is queued on one stream: memory is not given to anything else before a kernel that was queued with
    /// its address has run.
    pub(crate) fn of(op: &'static str, storage: &'a CudaStorage, layout: &Layout) -> Result<Self> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{op}: expected a contiguous argument, got strides {:?}", layout.stride());
        };
        let dtype = storage.dtype();
        let first = match dtype {
            DType::F32 => address::<f32>(storage)?,
            DType::F16 => address::<half::f16>(storage)?,
            DType::BF16 => address::<half::bf16>(storage)?,
            other => bail!("{op}: there is no kernel for {other:?} on a GPU"),
        };
        let address = first + (start * dtype.size_in_bytes()) as u64;
        Ok(Self { address, len: end - start, dtype, life: PhantomData })
    }

    /// As [`Elements::of`], of a tensor that must be float32.
    pub(crate) fn float32(
        op: &'static str,
        storage: &'a CudaStorage,
        layout: &Layout,
    ) -> Result<Self> {
        let all = Self::of(op, storage, layout)?;
        if all.dtype != DType::F32 {
            bail!("{op}: expected float32 beside the activations, got {:?}", all.dtype);
        }
        Ok(all)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Their type.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where the first one lies.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }
}

fn address<T: CudaDType>(storage: &CudaStorage) -> Result<u64> {
    let stream = storage.device().cuda_stream();
    let (address, _synchronized) = storage.as_cuda_slice::<T>()?.device_ptr(&stream);
    Ok(address)
}

/// Room for the result of a kernel, which writes every element.
#[repr(C)]
pub(crate) struct Room {
    /// First, as in [`Elements`].
    address: u64,
    len: usize,
    storage: CudaStorage,
}

// SAFETY: as of `Elements`.
unsafe impl DeviceRepr for Room {}

impl Room {
    /// Room for `len` elements.
    pub(crate) fn new(device: &CudaDevice, len: usize, dtype: DType) -> Result<Self> {
        // SAFETY: the caller's kernel writes every element before anything reads one.
        let storage = unsafe { device.alloc_uninit(&Shape::from(len), dtype)? };
        let address = Elements::of("room", &storage, &Layout::contiguous(len))?.address;
        Ok(Self { address, len, storage })
    }

    /// What lies there.
    pub(crate) fn elements(&self) -> Elements<'_> {
        let (address, len, dtype) = (self.address, self.len, self.storage.dtype());
        Elements { address, len, dtype, life: PhantomData }
    }

    /// As the result of a custom operation.
    pub(crate) fn result(self, shape: impl Into<Shape>) -> (CudaStorage, Shape) {
        (self.storage, shape.into())
    }

    /// As a tensor that is not tracked: backward passes are made of this.
    pub(crate) fn tensor(self, shape: impl Into<Shape>) -> Tensor {
        Tensor::from_storage(Storage::Cuda(self.storage), shape, BackpropOp::none(), false)
    }
}

/// Runs `work` on the type and the elements of contiguous activations on one GPU, and on those of parameters, which must be float32.
pub(crate) fn with_elements<const N: usize, R>(
    op: &'static str,
    activations: [&Tensor; N],
    parameters: &[&Tensor],
    work: impl FnOnce(&CudaDevice, DType, [Elements<'_>; N], &[Elements<'_>]) -> Result<R>,
) -> Result<R> {
    let guards: Vec<_> =
        activations.iter().chain(parameters).map(|tensor| tensor.storage_and_layout()).collect();
    let (mut all, mut device) = (Vec::with_capacity(guards.len()), None);
    for (storage, layout) in &guards {
        let Storage::Cuda(storage) = &**storage else {
            bail!("{op}: expected a tensor on a GPU, got one on {:?}", storage.device().location());
        };
        device = Some(storage.device());
        all.push(if all.len() < N {
            Elements::of(op, storage, layout)?
        } else {
            Elements::float32(op, storage, layout)?
        });
    }
    let Some(device) = device else { bail!("{op}: expected at least one tensor") };
    let activations = std::array::from_fn(|i| all[i]);
    work(device, shared_type(op, activations)?, activations, &all[N..])
}

/// The type that all activations of an operation share.
pub(crate) fn shared_type<const N: usize>(
    op: &'static str,
    activations: [Elements<'_>; N],
) -> Result<DType> {
    let dtype = activations.first().map_or(DType::F32, |elements| elements.dtype);
    match activations.iter().find(|elements| elements.dtype != dtype) {
        Some(other) => bail!("{op}: expected one type, got {dtype:?} and {:?}", other.dtype),
        None => Ok(dtype),
    }
}

/// `factor` times x; for 1, x itself, without a launch.
pub(crate) fn scaled(x: Tensor, factor: f64) -> Result<Tensor> {
    if factor == 1.0 { Ok(x) } else { x.affine(factor, 0.0) }
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

/// Launches a kernel by name: `launch!(device, "name", config, [arguments in the kernel's order])?`. One that exists for several types of elements has the
/// type behind its name: `launch!(device, "name" of dtype, config, [...])?`.
///
/// The list of arguments must be that of the kernel in number, order and type; sizes are `u32`, tensors are [`Elements`] and [`Room`].
macro_rules! launch {
    ($device:expr, $name:literal of $dtype:expr, $config:expr, $arguments:tt) => {{
        let name = match $dtype {
            candle_core::DType::F16 => concat!($name, "_f16"),
            candle_core::DType::BF16 => concat!($name, "_bf16"),
            _ => concat!($name, "_f32"),
        };
        $crate::kernel::cuda::launch!(@ $device, name, $config, $arguments)
    }};
    ($device:expr, $name:literal, $config:expr, $arguments:tt) => {
        $crate::kernel::cuda::launch!(@ $device, $name, $config, $arguments)
    };
    (@ $device:expr, $name:expr, $config:expr, [$($argument:expr),+ $(,)?]) => {{
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
