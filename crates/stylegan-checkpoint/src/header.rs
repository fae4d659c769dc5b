//! The header of a safetensors file: what is in it, without reading the tensors.
//!
//! The format is eight bytes of header length, a JSON header with each tensor's type, shape and place, and the data.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorInfo as Entry};
use serde::Deserialize;

use crate::CheckpointError;

/// Bytes of the length field before the header.
pub(crate) const LENGTH_BYTES: u64 = 8;

/// Longest header that is believed; the reference implementation's limit.
const MAX_HEADER: u64 = 100_000_000;

/// A tensor's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its type as the format writes it: `F32`, `BF16`, `I64`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// First byte of its data, counted from the start of the file.
    pub offset: u64,
    /// Bytes of its data.
    pub bytes: u64,
}

impl TensorInfo {
    /// Number of its elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Its tensors by name.
    pub tensors: BTreeMap<String, TensorInfo>,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The JSON header. Read here rather than by the safetensors crate, whose errors do not name the tensor.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

/// Reads a file's header and checks that the data it promises are there.
///
/// # Errors
/// [`CheckpointError::Io`], [`CheckpointError::Truncated`] or [`CheckpointError::Malformed`], naming the file.
pub fn inspect(path: &Path) -> Result<Inspection, CheckpointError> {
    let mut file = File::open(path).map_err(CheckpointError::io("open", path))?;
    inspect_open(path, &mut file)
}

pub(crate) fn inspect_open(path: &Path, file: &mut File) -> Result<Inspection, CheckpointError> {
    let found = file.metadata().map_err(CheckpointError::io("read", path))?.len();
    let require = |expected: u64| {
        if found < expected {
            Err(CheckpointError::Truncated { path: path.to_owned(), expected, found })
        } else {
            Ok(())
        }
    };
    require(LENGTH_BYTES)?;
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_exact(&mut length).map_err(CheckpointError::io("read", path))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(CheckpointError::malformed(path, "it does not start as a safetensors file"));
    }
    require(LENGTH_BYTES + length)?;
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(CheckpointError::io("read", path))?;
    let header: Header = serde_json::from_slice(&header)
        .map_err(|error| CheckpointError::malformed(path, format!("its header: {error}")))?;

    // In order of their place in the file, so that gaps and overlaps show.
    let mut entries: Vec<_> = header.tensors.into_iter().collect();
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let data = LENGTH_BYTES + length;
    let mut tensors = BTreeMap::new();
    let mut end = 0;
    for (name, entry) in entries {
        let (from, to) = (entry.data_offsets.0 as u64, entry.data_offsets.1 as u64);
        let size = byte_size(entry.dtype, &entry.shape);
        if from != end || size.is_none() || size != to.checked_sub(from) {
            return Err(CheckpointError::malformed(
                path,
                format!("the place of tensor `{name}` does not fit its shape"),
            ));
        }
        end = to;
        let (dtype, offset) = (entry.dtype.to_string(), data.saturating_add(from));
        let info = TensorInfo { dtype, shape: entry.shape, offset, bytes: to - from };
        tensors.insert(name, info);
    }
    let end = data.saturating_add(end);
    require(end)?;
    if found > end {
        return Err(CheckpointError::malformed(
            path,
            format!("{} bytes follow its last tensor", found - end),
        ));
    }
    Ok(Inspection { path: path.to_owned(), tensors, metadata: header.metadata, bytes: found })
}

/// Bytes of a tensor, or none where the product overflows or ends within a byte.
fn byte_size(dtype: Dtype, shape: &[usize]) -> Option<u64> {
    let bits =
        shape.iter().try_fold(dtype.bitsize() as u64, |bits, &dim| bits.checked_mul(dim as u64))?;
    bits.is_multiple_of(8).then_some(bits / 8)
}
