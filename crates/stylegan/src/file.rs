//! Generators in files: safetensors with the configuration in the metadata, so that one file is
//! enough to generate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
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
    let tensors = checkpoint.tensors.into_iter().collect();
    let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
    Ok(Generator::new(&config, vb).map_err(built)?.with_labels(labels))
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
