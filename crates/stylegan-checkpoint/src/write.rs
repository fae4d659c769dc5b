//! Writing tensors.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use candle_core::{DType, Tensor, WithDType};
use serde_json::{Map, Value, json};

use crate::atomic::atomic_write;
use crate::{CheckpointError, header};

/// Elements converted to bytes at a time.
const CHUNK: usize = 1 << 14;

/// Writes tensors and metadata into one safetensors file, atomically (see [`atomic_write`]). The order in which the
/// tensors come does not matter. Tensors are stored contiguous, in their own type.
///
/// # Errors
/// [`CheckpointError::Io`] where the file cannot be written, [`CheckpointError::Name`] for a name that comes twice,
/// [`CheckpointError::Dtype`] for a type that the format lacks. The file is then as it was.
pub fn save<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), CheckpointError> {
    let mut sorted = Vec::new();
    for (name, tensor) in tensors {
        sorted.push((name, tensor, type_name(name, tensor)?));
    }
    // Wide types first, so that every tensor's data are aligned to their type; then by name.
    let key =
        |entry: &(&'a str, &Tensor, _)| (usize::MAX - entry.1.dtype().size_in_bytes(), entry.0);
    sorted.sort_by(|a, b| key(a).cmp(&key(b)));

    let mut entries = Map::new();
    if !metadata.is_empty() {
        entries.insert("__metadata__".to_owned(), json!(metadata));
    }
    let mut end = 0;
    for (name, tensor, dtype) in &sorted {
        let start = end;
        end += tensor.elem_count() * tensor.dtype().size_in_bytes();
        let entry = json!({"dtype": dtype, "shape": tensor.dims(), "data_offsets": [start, end]});
        if entries.insert((*name).to_owned(), entry).is_some() || *name == "__metadata__" {
            return Err(CheckpointError::Name { name: (*name).to_owned() });
        }
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    let alignment = header::LENGTH_BYTES as usize;
    header.resize(header.len().next_multiple_of(alignment), b' ');

    // A tensor that cannot be fetched from its device is not an error of the file.
    let mut tensor_error = None;
    let written = atomic_write(path, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        for (name, tensor, _) in &sorted {
            if let Err(error) = write_tensor(writer, tensor) {
                return Err(match error {
                    WriteError::Io(error) => error,
                    WriteError::Candle(source) => {
                        let (name, source) = ((*name).to_owned(), Box::new(source));
                        tensor_error = Some(CheckpointError::Tensor { name, source });
                        io::Error::other("a tensor could not be read")
                    }
                });
            }
        }
        Ok(())
    });
    match tensor_error {
        Some(error) => Err(error),
        None => written,
    }
}

fn type_name(name: &str, tensor: &Tensor) -> Result<&'static str, CheckpointError> {
    Ok(match tensor.dtype() {
        DType::U8 => "U8",
        DType::U32 => "U32",
        DType::I64 => "I64",
        DType::BF16 => "BF16",
        DType::F16 => "F16",
        DType::F32 => "F32",
        DType::F64 => "F64",
        other => {
            return Err(CheckpointError::Dtype {
                name: name.to_owned(),
                dtype: other.as_str().to_owned(),
            });
        }
    })
}

enum WriteError {
    Io(io::Error),
    Candle(candle_core::Error),
}

fn write_tensor(writer: &mut dyn Write, tensor: &Tensor) -> Result<(), WriteError> {
    match tensor.dtype() {
        DType::U8 => write_elements::<u8, 1>(writer, tensor, |x| [x]),
        DType::U32 => write_elements::<u32, 4>(writer, tensor, u32::to_le_bytes),
        DType::I64 => write_elements::<i64, 8>(writer, tensor, i64::to_le_bytes),
        DType::F32 => write_elements::<f32, 4>(writer, tensor, f32::to_le_bytes),
        DType::F64 => write_elements::<f64, 8>(writer, tensor, f64::to_le_bytes),
        DType::BF16 => write_elements::<half::bf16, 2>(writer, tensor, half::bf16::to_le_bytes),
        DType::F16 => write_elements::<half::f16, 2>(writer, tensor, half::f16::to_le_bytes),
        // `type_name` has refused every other type.
        _ => Ok(()),
    }
}

fn write_elements<T: WithDType, const N: usize>(
    writer: &mut dyn Write,
    tensor: &Tensor,
    bytes: impl Fn(T) -> [u8; N],
) -> Result<(), WriteError> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<T>());
    let values = values.map_err(WriteError::Candle)?;
    let mut buffer = Vec::with_capacity(CHUNK * N);
    for chunk in values.chunks(CHUNK) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(|&value| bytes(value)));
        writer.write_all(&buffer).map_err(WriteError::Io)?;
    }
    Ok(())
}
