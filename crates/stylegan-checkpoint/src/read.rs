//! Reading tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use crate::data::Data;
use crate::header::inspect_open;
use crate::names::match_names;
use crate::{CheckpointError, TensorInfo};

/// The contents of a file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// Its tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Checks that the tensors are exactly those expected: see [`match_names`].
    ///
    /// # Errors
    /// [`CheckpointError::Mismatch`], naming the file and everything that differs.
    pub fn require<'a>(
        &self,
        expected: impl IntoIterator<Item = (&'a str, &'a [usize])>,
    ) -> Result<(), CheckpointError> {
        match_names(expected, &self.tensors).map_err(|error| match error {
            CheckpointError::Mismatch { mismatch, .. } => {
                CheckpointError::Mismatch { path: Some(self.path.clone()), mismatch }
            }
            other => other,
        })
    }
}

/// Copies every tensor of a file, which is mapped into memory for that.
///
/// # Errors
/// [`CheckpointError::Io`], [`CheckpointError::Truncated`] or [`CheckpointError::Malformed`], naming the file;
/// [`CheckpointError::Dtype`] for a type that candle lacks.
pub fn load(path: &Path) -> Result<Checkpoint, CheckpointError> {
    load_on(path, &Device::Cpu)
}

/// Reads every tensor of a file onto a device.
///
/// # Errors
/// As [`load`], and [`CheckpointError::Tensor`] where the device refuses.
pub fn load_on(path: &Path, device: &Device) -> Result<Checkpoint, CheckpointError> {
    let mut file = File::open(path).map_err(CheckpointError::io("open", path))?;
    let header = inspect_open(path, &mut file)?;
    let data = Data::of(&file).map_err(CheckpointError::io("map", path))?;
    let mut tensors = BTreeMap::new();
    for (name, info) in header.tensors {
        let end = info.offset.saturating_add(info.bytes);
        let place = info.offset as usize..end as usize;
        let buffer = data.get(place).ok_or_else(|| CheckpointError::Truncated {
            path: path.to_owned(),
            expected: end,
            found: data.len() as u64,
        })?;
        let tensor =
            Tensor::from_raw_buffer(buffer, dtype(&name, &info)?, &info.shape, device).map_err(
                |source| CheckpointError::Tensor { name: name.clone(), source: Box::new(source) },
            )?;
        tensors.insert(name, tensor);
    }
    Ok(Checkpoint { path: header.path, tensors, metadata: header.metadata })
}

fn dtype(name: &str, info: &TensorInfo) -> Result<DType, CheckpointError> {
    Ok(match info.dtype.as_str() {
        "U8" => DType::U8,
        "U32" => DType::U32,
        "I64" => DType::I64,
        "BF16" => DType::BF16,
        "F16" => DType::F16,
        "F32" => DType::F32,
        "F64" => DType::F64,
        other => {
            return Err(CheckpointError::Dtype { name: name.to_owned(), dtype: other.to_owned() });
        }
    })
}
