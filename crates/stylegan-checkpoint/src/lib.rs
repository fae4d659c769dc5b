//! Checkpoints: named tensors and text metadata in one safetensors file, written so that a crash, a full disk or a
//! kill leaves the previous file whole, and read so that whatever is wrong is named.
//!
//! * [`save`], [`load`], [`inspect`]: one file. The bytes depend on the contents only: equal tensors and metadata
//!   make equal files.
//! * [`match_names`]: strict loading; what is missing, unexpected or of another shape is listed in one error.
//! * [`Snapshots`]: folders of files that belong together, such as both networks and both optimizers of a training run,
//!   which appear whole or not at all. After a crash [`Snapshots::recover`] finds the newest that can be trusted.
//! * [`pickle`]: other people's checkpoints, which are pickles, read without running what is in them.
//! * [`atomic_write`]: the same promise for any other file.
//!
//! ```
//! use std::collections::BTreeMap;
//! use candle_core::{Device, Tensor};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("model.safetensors");
//! let weight = Tensor::arange(0f32, 6.0, &Device::Cpu)?.reshape((2, 3))?;
//! let metadata = BTreeMap::from([("format".to_owned(), "example".to_owned())]);
//! stylegan_checkpoint::save(&path, [("weight", &weight)], &metadata)?;
//!
//! let checkpoint = stylegan_checkpoint::load(&path)?;
//! assert_eq!(checkpoint.metadata, metadata);
//! let shape: &[usize] = &[2, 3];
//! checkpoint.require([("weight", shape)])?;
//! assert_eq!(checkpoint.tensors["weight"].to_vec2::<f32>()?[1], [3.0, 4.0, 5.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod data;
mod error;
mod header;
mod names;
pub mod pickle;
mod read;
mod snapshots;
mod write;

pub use atomic::atomic_write;
pub use error::CheckpointError;
pub use header::{Inspection, TensorInfo, inspect};
pub use names::{Mismatch, ShapeMismatch, match_names};
pub use read::{Checkpoint, load, load_on};
pub use snapshots::{Recovery, Snapshot, Snapshots};
pub use write::save;
