//! Page-locked memory of the processor: the only kind that a GPU copies from and to while it computes.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaStream, DeviceRepr, PinnedHostSlice, ValidAsZeroBits,
};
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Result, Shape, Storage, Tensor, bail};

/// Page-locked memory, and an event that says when the last copy from it or to it is done. cudarc's own is recorded in contexts that track events
/// alone, and `open_gpu` turns that off.
#[derive(Debug)]
struct Buffer<T> {
    memory: PinnedHostSlice<T>,
    copied: CudaEvent,
}

impl<T: DeviceRepr + ValidAsZeroBits> Buffer<T> {
    fn new(stream: &CudaStream, len: usize) -> Result<Self> {
        let context = stream.context();
        // SAFETY: whoever takes a buffer writes it before it is read. Without flags it is memory that the processor reads fast.
        let memory = unsafe { context.alloc_pinned_with_flags(len, 0) }.w()?;
        Ok(Self { memory, copied: context.new_event(None).w()? })
    }

    /// The memory, when the last copy is done.
    fn wait(&mut self) -> Result<&mut [T]> {
        self.copied.synchronize().w()?;
        self.memory.as_mut_slice().w()
    }
}

/// Buffers for bytes on their way to a GPU: while one is copied from, the next is filled.
const BUFFERS: usize = 3;

/// The buffers of one GPU, in turn.
#[derive(Default)]
struct Ring {
    buffers: Vec<Buffer<u8>>,
    next: usize,
}

static RINGS: LazyLock<Mutex<HashMap<DeviceId, Ring>>> = LazyLock::new(Mutex::default);

impl Ring {
    /// The buffer whose turn it is, with room for `len` bytes.
    fn take(&mut self, len: usize, stream: &CudaStream) -> Result<&mut Buffer<u8>> {
        let place = self.next;
        self.next = (place + 1) % BUFFERS;
        match self.buffers.get_mut(place) {
            None => self.buffers.push(Buffer::new(stream, len)?),
            Some(buffer) if buffer.memory.len() < len => {
                // Memory that is copied from must not be freed.
                buffer.wait()?;
                *buffer = Buffer::new(stream, len)?;
            }
            Some(_) => {}
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
    let stream = device.cuda_stream();
    // Nothing is left half done by a thread that panicked here.
    let mut rings = RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let ring = rings.entry(device.id()).or_default();
    let buffer = ring.take(bytes.len().max(1), &stream)?;
    // Waits for the copy that last used this buffer, which is two copies ago.
    buffer.wait()?[..bytes.len()].copy_from_slice(bytes);
    // SAFETY: the copy below writes every byte.
    let mut there = unsafe { device.alloc::<u8>(buffer.memory.len())? };
    stream.memcpy_htod(&buffer.memory, &mut there).w()?;
    buffer.copied.record(&stream).w()?;
    let storage = CudaStorage::wrap_cuda_slice(there, device.clone());
    let (count, all) = (shape.elem_count(), buffer.memory.len());
    let all = Tensor::from_storage(Storage::Cuda(storage), all, BackpropOp::none(), false);
    all.narrow(0, 0, count)?.reshape(shape)
}

/// Buffers for numbers from a GPU that nobody waits for, by GPU and length: to free such memory is to wait for all of the GPU's work.
type Spare = HashMap<(DeviceId, usize), Vec<Buffer<f64>>>;

static SPARE: LazyLock<Mutex<Spare>> = LazyLock::new(Mutex::default);

/// Numbers that are being copied from a GPU.
#[derive(Debug)]
pub(super) struct Reading {
    numbers: Buffer<f64>,
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
        let mut numbers = spare.map_or_else(|| Buffer::new(&stream, to - from), Ok)?;
        let there = storage.as_cuda_slice::<f64>()?.slice(from..to);
        stream.memcpy_dtoh(&there, &mut numbers.memory).w()?;
        numbers.copied.record(&stream).w()?;
        Ok(Self { numbers, device })
    }

    /// The numbers, once the copy is done.
    pub(super) fn wait(self) -> Result<Vec<f64>> {
        let Self { mut numbers, device } = self;
        let found = numbers.wait()?.to_vec();
        spare().entry((device, found.len())).or_default().push(numbers);
        Ok(found)
    }
}

fn spare() -> MutexGuard<'static, Spare> {
    // Nothing is left half done by a thread that panicked here.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}
