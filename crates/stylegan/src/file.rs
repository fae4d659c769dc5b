//! Generators in files: safetensors with the configuration in the metadata, so that one file is
//! enough to generate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use stylegan_checkpoint::CheckpointError;
use stylegan_layers::{Parameters, shapes_of};

use crate::{Generator, GeneratorConfig, Labels};

/// The metadata key that holds the generator's configuration as JSON.
const CONFIG_KEY: &str = "stylegan.generator";

/// The metadata key that holds a conditional generator's [`Labels`] as JSON.
const LABELS_KEY: &str = "stylegan.labels";

/// A generator that could not be saved or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file itself.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A safetensors file, but not a generator of this project.
    #[error("{} holds no generator: its metadata has no `{CONFIG_KEY}`", path.display())]
    NotAGenerator {
        /// The file.
        path: PathBuf,
    },
    /// The stored configuration cannot be read.
    #[error("{}: the generator's configuration cannot be read", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The network could not be built.
    #[error("{}: the generator cannot be built", path.display())]
    Build {
        /// The file.
        path: PathBuf,
        /// Why.
        source: candle_core::Error,
    },
}

/// The metadata from which a file is known to hold a generator of `config`.
///
/// # Errors
/// If the configuration holds a number that JSON cannot.
pub fn generator_metadata(
    config: &GeneratorConfig,
) -> Result<BTreeMap<String, String>, serde_json::Error> {
    Ok(BTreeMap::from([(CONFIG_KEY.to_owned(), serde_json::to_string(config)?)]))
}

/// The metadata that says what a generator's labels stand for.
///
/// # Errors
/// If an example holds a number that JSON cannot.
pub fn labels_metadata(labels: &Labels) -> Result<(String, String), serde_json::Error> {
    Ok((LABELS_KEY.to_owned(), serde_json::to_string(labels)?))
}

/// Writes a generator, atomically. `extra` is added to the metadata.
///
/// # Errors
/// If the file cannot be written; an existing file is then as it was.
pub fn save_generator(
    path: &Path,
    config: &GeneratorConfig,
    parameters: &Parameters,
    extra: &BTreeMap<String, String>,
) -> Result<(), ModelError> {
    let mut metadata = generator_metadata(config)
        .map_err(|source| ModelError::Config { path: path.to_owned(), source })?;
    metadata.extend(extra.clone());
    let tensors = parameters.tensors();
    let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    Ok(stylegan_checkpoint::save(path, named, &metadata)?)
}

/// Opens a generator. All its parameters must be there, in the right shapes, and nothing else.
///
/// # Errors
/// If the file cannot be read, is truncated, or is not a generator of this project.
pub fn load_generator(path: &Path, device: &Device) -> Result<Generator, ModelError> {
    let (config, tensors, labels) = read(path, device)?;
    let tensors = tensors.into_iter().collect();
    let built = Generator::new(&config, VarBuilder::from_tensors(tensors, DType::F32, device));
    let generator = built.map_err(|source| ModelError::Build { path: path.to_owned(), source })?;
    Ok(generator.with_labels(labels))
}

/// Reads a generator's configuration and tensors without building it: for whoever looks into weights, or replaces some.
///
/// # Errors
/// As [`load_generator`].
pub fn read_generator(
    path: &Path,
    device: &Device,
) -> Result<(GeneratorConfig, BTreeMap<String, Tensor>), ModelError> {
    read(path, device).map(|(config, tensors, _)| (config, tensors))
}

/// What a generator's file holds: its configuration, its tensors, what its labels stand for.
type Contents = (GeneratorConfig, BTreeMap<String, Tensor>, Labels);

fn read(path: &Path, device: &Device) -> Result<Contents, ModelError> {
    let built = |source| ModelError::Build { path: path.to_owned(), source };
    let checkpoint = stylegan_checkpoint::load_on(path, device)?;
    let config = config_of(path, &checkpoint.metadata)?;
    let shapes = shapes_of(|vb| Generator::new(&config, vb)).map_err(built)?;
    checkpoint.require(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())))?;
    let labels = match checkpoint.metadata.get(LABELS_KEY) {
        Some(text) => serde_json::from_str(text)
            .map_err(|source| ModelError::Config { path: path.to_owned(), source })?,
        None => Labels::default(),
    };
    Ok((config, checkpoint.tensors, labels))
}

/// A generator's fingerprint: 16 digits that follow from the names and values of its tensors, noise maps left out (FNV-1a). Codes know their model by
/// it, whatever the model's file is called.
///
/// # Errors
/// Tensors that cannot be read.
pub fn fingerprint(tensors: &BTreeMap<String, Tensor>) -> candle_core::Result<String> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for (name, tensor) in tensors.iter().filter(|(name, _)| !name.ends_with("noise.const")) {
        add(name.as_bytes());
        for value in tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()? {
            add(&value.to_le_bytes());
        }
    }
    Ok(format!("{hash:016x}"))
}

/// The generator's configuration in a file's metadata.
fn config_of(
    path: &Path,
    metadata: &BTreeMap<String, String>,
) -> Result<GeneratorConfig, ModelError> {
    let text = metadata
        .get(CONFIG_KEY)
        .ok_or_else(|| ModelError::NotAGenerator { path: path.to_owned() })?;
    serde_json::from_str(text)
        .map_err(|source| ModelError::Config { path: path.to_owned(), source })
}
