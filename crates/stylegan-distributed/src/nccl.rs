//! Sums over NCCL: of tensors on NVIDIA's GPUs, in place, on the stream that computes them.

use std::ffi::c_char;

use candle_core::cuda_backend::CudaStorage;
use candle_core::cuda_backend::cudarc::nccl::{Comm, Id, ReduceOp};
use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Tensor, bail};

use crate::{DistributedError, Launch, Transport};

/// Bytes of an id.
const ID: usize = 128;

/// The id of a new group: the first rank makes it, and shares it with all others.
///
/// # Errors
/// [`DistributedError::Transport`].
pub fn new_id() -> Result<Vec<u8>, DistributedError> {
    let id = Id::new().map_err(|error| failed(&format!("{:?}", error.0)))?;
    Ok(id.internal().iter().map(|&byte| byte as u8).collect())
}

/// The ranks of a group, one a GPU. To be used on the thread that made it.
pub struct NcclTransport {
    group: Comm,
}

impl NcclTransport {
    /// Joins the group of an id, with the GPU that this rank computes on; waits for all ranks.
    ///
    /// # Errors
    /// Bytes that are no id; what NCCL says, two ranks on one GPU for instance.
    pub fn join(id: &[u8], launch: &Launch, device: &Device) -> Result<Self, DistributedError> {
        let id: [u8; ID] = id
            .try_into()
            .map_err(|_| failed(&format!("an id has {ID} bytes, not {}", id.len())))?;
        let id = Id::uninit(id.map(|byte| byte as c_char));
        let stream = device.as_cuda_device()?.cuda_stream();
        let group = Comm::from_rank(stream, launch.rank, launch.size, id);
        Ok(Self { group: group.map_err(|error| failed(&format!("{:?}", error.0)))? })
    }
}

impl Transport for NcclTransport {
    fn rank(&self) -> usize {
        self.group.rank()
    }

    fn size(&self) -> usize {
        self.group.world_size()
    }

    fn sum(&self, own: Tensor) -> Result<Tensor, DistributedError> {
        own.inplace_op1(&Sum(&self.group))?;
        Ok(own)
    }
}

/// The sum over all ranks, in place.
struct Sum<'a>(&'a Comm);

impl InplaceOp1 for Sum<'_> {
    fn name(&self) -> &'static str {
        "sum over ranks"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        bail!("NCCL adds up tensors on GPUs only")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("NCCL adds up contiguous tensors only")
        };
        let mut values = storage.as_cuda_slice_mut::<f32>()?.slice_mut(start..end);
        match self.0.all_reduce_in_place(&mut values, &ReduceOp::Sum) {
            Ok(_) => Ok(()),
            Err(error) => bail!("NCCL failed: {:?}", error.0),
        }
    }
}

fn failed(reason: &str) -> DistributedError {
    DistributedError::Transport { transport: "NCCL", reason: reason.to_owned() }
}
