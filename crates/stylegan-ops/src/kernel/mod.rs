//! What the CPU kernels share: reading storages, writing outputs without clearing them first,
//! scratch memory, deterministic parallel loops, and matrix products.
//!
//! Everything here is deterministic at any number of threads: work is cut by sizes alone, and a task
//! never looks at how many threads there are.

mod buffer;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
mod gemm;
mod parallel;
mod storage;
mod tile;

pub(crate) use buffer::{SharedMut, build_f32, with_scratch};
pub(crate) use gemm::{Mat, MatMut, gemm};
pub(crate) use parallel::{for_each_chunk, for_each_task};
pub(crate) use storage::{Form, f32_slice};
pub(crate) use tile::{LANES, TileProduct};
