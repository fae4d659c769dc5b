//! Models of this project in other people's formats.

mod npz;
mod onnx;
mod pickle;
mod pth;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::Tensor;

#[cfg(test)]
pub(crate) use pth::bytes as pth_bytes;

use crate::table::Table;
use crate::{ImportError, Model};

/// A format to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// This project's own, written anew.
    Safetensors,
    /// Two ONNX graphs, of the mapping and of the synthesis network.
    Onnx,
    /// A PyTorch file as genforce reads it.
    GenforcePth,
    /// A numpy archive with the names of `stylegan2-ada-pytorch`.
    AdaNpz,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Onnx => "ONNX",
            Self::GenforcePth => "genforce's .pth",
            Self::AdaNpz => "a numpy archive of stylegan2-ada-pytorch",
        }
    }

    /// The extension of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Onnx => "onnx",
            Self::GenforcePth => "pth",
            Self::AdaNpz => "npz",
        }
    }
}

/// A model of this project, as its file has it.
#[derive(Debug, Clone)]
pub struct Native {
    path: PathBuf,
    model: Model,
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
}

impl Native {
    /// Opens a model: all its tensors must be there, in the right shapes, and nothing else.
    ///
    /// # Errors
    /// If the file cannot be read, or is no model whose configuration is known.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let checkpoint = stylegan_checkpoint::load(path)?;
        let model = Model::of_metadata(&checkpoint.metadata).ok_or_else(|| {
            let reason = "its metadata hold no configuration of a network that is known here";
            ImportError::NotAModel { path: path.to_owned(), reason: reason.to_owned() }
        })?;
        let shapes = model.shapes()?;
        checkpoint.require(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())))?;
        let (tensors, metadata) = (checkpoint.tensors, checkpoint.metadata);
        Ok(Self { path: path.to_owned(), model, tensors, metadata })
    }

    /// What it is.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Writes it in another format, atomically; gives the files that were written. ONNX makes two of `out`:
    /// `NAME-mapping.onnx` and `NAME-synthesis.onnx`.
    ///
    /// # Errors
    /// [`ImportError::Inexpressible`] where the format cannot hold this network, or if a file cannot be written.
    pub fn export(&self, format: Format, out: &Path) -> Result<Vec<PathBuf>, ImportError> {
        match format {
            Format::Safetensors => {
                let named = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
                stylegan_checkpoint::save(out, named, &self.metadata)?;
            }
            Format::Onnx => return onnx::export(self, out),
            Format::GenforcePth => pth::export(self, out)?,
            Format::AdaNpz => npz::export(self, out)?,
        }
        Ok(vec![out.to_owned()])
    }

    fn inexpressible(&self, format: Format, reason: impl Into<String>) -> ImportError {
        ImportError::Inexpressible {
            path: self.path.clone(),
            format: format.name(),
            reason: reason.into(),
        }
    }

    /// The tensors under the names, and in the layout, of a dialect.
    fn renamed(&self, table: &Table) -> Result<BTreeMap<String, Foreign>, ImportError> {
        let shapes = self.model.shapes()?;
        let mut renamed = BTreeMap::new();
        for (native, name, rule) in table.reversed(&shapes, self.model.blocks()) {
            let (Some(tensor), Some(shape)) = (self.tensors.get(&native), shapes.get(&native))
            else {
                continue;
            };
            let mut values = tensor.flatten_all()?.to_vec1::<f32>()?;
            rule.numbers.convert(&mut values, shape, true);
            let values = rule.layout.to_foreign(values, shape);
            let foreign = Foreign { shape: rule.layout.foreign_shape(shape), values };
            renamed.insert(name, foreign);
        }
        Ok(renamed)
    }
}

/// The learning-rate multiplier of the mapping network that readers of other formats take for granted.
const MAPPING_RATE: f64 = 0.01;

/// Multiplies the mapping network's weights and biases, whose names in the format start with `layers`, so that a reader who multiplies them by
/// [`MAPPING_RATE`] gets what our own `rate` makes of them.
fn fold_mapping_rate(tensors: &mut BTreeMap<String, Foreign>, layers: &str, rate: f64) {
    let factor = (rate / MAPPING_RATE) as f32;
    for (_, tensor) in tensors.iter_mut().filter(|(name, _)| name.starts_with(layers)) {
        tensor.values.iter_mut().for_each(|value| *value *= factor);
    }
}

/// A tensor to be written.
pub(crate) struct Foreign {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Foreign {
    fn scalar(value: f32) -> Self {
        Self { shape: Vec::new(), values: vec![value] }
    }

    /// The official blur, once for each channel: `[C, 1, 3, 3]`.
    fn blur(channels: usize) -> Self {
        let taps = [1.0f32, 2.0, 1.0];
        let kernel = taps.iter().flat_map(|a| taps.map(|b| a * b / 16.0));
        let kernel: Vec<f32> = kernel.collect();
        Self { shape: vec![channels, 1, 3, 3], values: kernel.repeat(channels) }
    }

    fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// An error of an archive as one of files.
fn archive_error(error: zip::result::ZipError) -> std::io::Error {
    match error {
        zip::result::ZipError::Io(error) => error,
        other => std::io::Error::other(other),
    }
}
