//! Page-locked memory of the processor: the only kind that a GPU copies from and to while it computes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PinnedHostSlice;
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Result, Shape, Storage, Tensor, bail};

/// Buffers for bytes on their way to a GPU: while one is copied from, the next is filled.
const BUFFERS: usize = 3;

/// The buffers of one GPU, in turn.
#[derive(Default)]
struct Ring {
    buffers: Vec<PinnedHostSlice<u8>>,
    next: usize,
}

static RINGS: LazyLock<Mutex<HashMap<DeviceId, Ring>>> = LazyLock::new(Mutex::default);

impl Ring {
    /// The buffer whose turn it is, with room for `len` bytes.
    fn take(&mut self, len: usize, device: &CudaDevice) -> Result<&mut PinnedHostSlice<u8>> {
        let place = self.next;
        self.next = (place + 1) % BUFFERS;
        let fits = self.buffers.get(place).is_some_and(|buffer| buffer.len() >= len);
        if !fits {
            let stream = device.cuda_stream();
            // SAFETY: it is written before anything reads it.
            let buffer = unsafe { stream.context().alloc_pinned::<u8>(len) }.w()?;
            if place < self.buffers.len() {
                self.buffers[place] = buffer;
            } else {
                self.buffers.push(buffer);
            }
        }
        match self.buffers.get_mut(place) {
            Some(buffer) => Ok(buffer),
            None => bail!("upload: no buffer {place}"),
        }
    }
}

pub(super) fn upload(bytes: &[u8], shape: Shape, device: &CudaDevice) -> Result<Tensor> {
    if bytes.len() != shape.elem_count() {
        bail!("upload: {} bytes for a tensor {:?}", bytes.len(), shape.dims());
    }
    // Nothing is left half done by a thread that panicked here.
    let mut rings = RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let buffer = rings.entry(device.id()).or_default().take(bytes.len().max(1), device)?;
    // Waits for the copy that last used this buffer, which is two copies ago.
    buffer.as_mut_slice().w()?[..bytes.len()].copy_from_slice(bytes);
    // SAFETY: the copy below writes every byte.
    let mut there = unsafe { device.alloc::<u8>(buffer.len())? };
    device.cuda_stream().memcpy_htod(&*buffer, &mut there).w()?;
    let storage = CudaStorage::wrap_cuda_slice(there, device.clone());
    let count = shape.elem_count();
    let all = Tensor::from_storage(Storage::Cuda(storage), buffer.len(), BackpropOp::none(), false);
    all.narrow(0, 0, count)?.reshape(shape)
}

/// Buffers for numbers from a GPU that nobody waits for, by GPU and length: to free such memory is to wait for all of the GPU's work.
type Spare = HashMap<(DeviceId, usize), Vec<PinnedHostSlice<f64>>>;

static SPARE: LazyLock<Mutex<Spare>> = LazyLock::new(Mutex::default);

/// Numbers that are being copied from a GPU.
#[derive(Debug)]
pub(super) struct Reading {
    numbers: PinnedHostSlice<f64>,
    device: DeviceId,
}

impl Reading {
    /// Queues the copy of a contiguous float64 tensor.
    pub(super) fn begin(tensor: &Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cuda(storage), Some((from, to))) = (&*storage, layout.contiguous_offsets())
        else {
            bail!("later: expected a contiguous tensor on a GPU")
        };
        let (stream, device) = (storage.device().cuda_stream(), storage.device().id());
        let spare = spare().get_mut(&(device, to - from)).and_then(Vec::pop);
        let mut numbers = match spare {
            Some(numbers) => numbers,
            // SAFETY: the copy below writes every element. Without flags it is memory that the processor reads fast.
            None => unsafe { stream.context().alloc_pinned_with_flags(to - from, 0) }.w()?,
        };
        let there = storage.as_cuda_slice::<f64>()?.slice(from..to);
        stream.memcpy_dtoh(&there, &mut numbers).w()?;
        Ok(Self { numbers, device })
    }

    /// The numbers, once the copy is done.
    pub(super) fn wait(self) -> Result<Vec<f64>> {
        let Self { numbers, device } = self;
        let found = numbers.as_slice().w()?.to_vec();
        spare().entry((device, found.len())).or_default().push(numbers);
        Ok(found)
    }
}

fn spare() -> MutexGuard<'static, Spare> {
    // Nothing is left half done by a thread that panicked here.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}
