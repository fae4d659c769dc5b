//! An encoder and its decoder in one file.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use stylegan::{
    Generator, GeneratorConfig, Labels, Noise, Shapes, fingerprint, labels_metadata,
    load_generator, read_generator, shapes_of,
};
use stylegan_checkpoint::{Checkpoint, load_on};
use stylegan_psp::{Encoder, EncoderConfig, IdentityConfig, Mode, Task, resized};

use super::PspTrainError;

/// What the encoder's tensors begin with in a file.
pub const ENCODER_PREFIX: &str = "encoder.";

/// What the decoder's tensors begin with.
pub const DECODER_PREFIX: &str = "decoder.";

/// The metadata key that holds the configurations as JSON.
const KEY: &str = "stylegan.psp";

/// The metadata key of an identity network that was taught by a run.
const IDENTITY_KEY: &str = "stylegan.psp.identity";

/// The metadata key of networks that were converted from elsewhere.
const IMPORTED_KEY: &str = "features.network";

/// An encoder and its decoder, in evaluation mode.
#[derive(Debug, Clone)]
pub struct PspModel {
    encoder: Encoder,
    decoder: Generator,
    decoder_fingerprint: String,
    task: Task,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Description {
    pub task: Task,
    pub encoder: EncoderConfig,
    pub decoder: GeneratorConfig,
}

impl PspModel {
    /// Opens a file: one that a run has written, which holds both networks, or a converted encoder, which needs `decoder`. A decoder that
    /// is named takes the place of the one in the file.
    ///
    /// # Errors
    /// A file that cannot be read or holds something else, a missing decoder, and a decoder of other layers than the encoder's.
    pub fn open(
        path: &Path,
        decoder: Option<&Path>,
        device: &Device,
    ) -> Result<Self, PspTrainError> {
        let mut checkpoint = load_on(path, device)?;
        let named = decoder.map(|path| decoder_of(path, device)).transpose()?;
        let (task, config, inner) = match describe(path, &checkpoint)? {
            Found::Both(Description { task, encoder, decoder }) => (task, encoder, Some(decoder)),
            Found::Encoder(config) => (Task::Inversion, config, None),
        };
        let inner = match inner {
            Some(config) => {
                let tensors = take_prefix(&mut checkpoint, DECODER_PREFIX);
                let build = |vb| Generator::new(&config, vb);
                let encoder = take_prefix(&mut checkpoint, ENCODER_PREFIX);
                checkpoint.tensors = encoder;
                let labels = labels_of(&checkpoint.metadata)?;
                let print = fingerprint(&tensors)?;
                Some((build_strictly(path, tensors, build, device)?.with_labels(labels), print))
            }
            None => None,
        };
        let (decoder, decoder_fingerprint) = match (named, inner) {
            (Some(named), _) => named,
            (None, Some(inner)) => inner,
            (None, None) => return Err(PspTrainError::NoDecoder { path: path.to_owned() }),
        };
        config.fits(decoder.num_layers(), decoder.config().mapping.w_dim)?;
        let tensors = std::mem::take(&mut checkpoint.tensors);
        let encoder = build_strictly(path, tensors, |vb| Encoder::new(&config, vb), device)?;
        Ok(Self { encoder, decoder, decoder_fingerprint, task })
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The decoder.
    pub fn decoder(&self) -> &Generator {
        &self.decoder
    }

    /// The decoder's [`fingerprint`], by which codes know their model.
    pub fn decoder_fingerprint(&self) -> &str {
        &self.decoder_fingerprint
    }

    /// What the encoder was trained for.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Height and width of the decoder's images.
    pub fn resolution(&self) -> (usize, usize) {
        self.decoder.synthesis().pyramid().full_size()
    }

    /// What the encoder takes, of any size `[N, input_channels, H, W]`, to codes `[N, styles, w_dim]`. An image's codes do not depend on
    /// those beside it, but for rounding.
    ///
    /// # Errors
    /// Images of other channels.
    pub fn encode(&self, images: &Tensor) -> Result<Tensor, PspTrainError> {
        let images = resized(images, self.encoder.config().input_size)?;
        Ok(self.encoder.forward(&images, Mode::Evaluation)?)
    }

    /// A map of classes as the encoder takes it, `[1, classes, S, S]`, of grey values in rows of `width`; the middle square of it, by the nearest
    /// value. `name` is for errors.
    ///
    /// # Errors
    /// A value that is no class.
    pub fn class_map(
        &self,
        name: &Path,
        width: usize,
        values: &[u8],
        device: &Device,
    ) -> Result<Tensor, PspTrainError> {
        let EncoderConfig { input_size, input_channels, .. } = *self.encoder.config();
        super::classes::of_bytes(name, width, values, input_size, input_channels, device)
    }

    /// Codes to images `[N, C, H, W]`, with the constant noise maps.
    ///
    /// # Errors
    /// Codes of another shape.
    pub fn decode(&self, codes: &Tensor) -> Result<Tensor, PspTrainError> {
        Ok(self.decoder.synthesize(codes, 0.0, &Noise::Const)?)
    }
}

/// A decoder in a file of its own, and its fingerprint.
fn decoder_of(path: &Path, device: &Device) -> Result<(Generator, String), PspTrainError> {
    let (_, tensors) = read_generator(path, device).map_err(Box::new)?;
    let decoder = load_generator(path, device).map_err(Box::new)?;
    Ok((decoder, fingerprint(&tensors)?))
}

/// The metadata of a file with both networks, and what the decoder's labels stand for.
pub(super) fn metadata(
    description: &Description,
    labels: &Labels,
) -> Result<BTreeMap<String, String>, PspTrainError> {
    let (key, text) = labels_metadata(labels).map_err(unwritable)?;
    Ok(BTreeMap::from([(KEY.to_owned(), json(description)?), (key, text)]))
}

/// What a decoder's labels stand for, from the metadata of a file with both networks.
fn labels_of(metadata: &BTreeMap<String, String>) -> Result<Labels, PspTrainError> {
    let (key, _) = labels_metadata(&Labels::default()).map_err(unwritable)?;
    match metadata.get(&key) {
        Some(text) => serde_json::from_str(text).map_err(unwritable),
        None => Ok(Labels::default()),
    }
}

fn unwritable(error: serde_json::Error) -> PspTrainError {
    PspTrainError::Config { reason: error.to_string() }
}

/// The metadata of an identity network.
pub(super) fn identity_metadata(
    config: &IdentityConfig,
) -> Result<BTreeMap<String, String>, PspTrainError> {
    Ok(BTreeMap::from([(IDENTITY_KEY.to_owned(), json(config)?)]))
}

fn json(value: &impl Serialize) -> Result<String, PspTrainError> {
    serde_json::to_string(value).map_err(unwritable)
}

enum Found {
    Both(Description),
    Encoder(EncoderConfig),
}

fn describe(path: &Path, checkpoint: &Checkpoint) -> Result<Found, PspTrainError> {
    let fault =
        |reason: String| PspTrainError::NotA { path: path.to_owned(), what: "encoder", reason };
    if let Some(text) = checkpoint.metadata.get(KEY) {
        return serde_json::from_str(text).map(Found::Both).map_err(|e| fault(e.to_string()));
    }
    let Some(text) = checkpoint.metadata.get(IMPORTED_KEY) else {
        return Err(fault(format!("its metadata have neither `{KEY}` nor `{IMPORTED_KEY}`")));
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| fault(e.to_string()))?;
    let encoder = &value["psp_encoder"];
    let number = |key: &str| encoder[key].as_u64().and_then(|n| usize::try_from(n).ok());
    match (number("styles"), number("channels"), encoder["latent_avg"].as_bool()) {
        (Some(styles), Some(input_channels), Some(start_from_average)) => {
            Ok(Found::Encoder(EncoderConfig {
                styles,
                input_channels,
                start_from_average,
                ..EncoderConfig::default()
            }))
        }
        _ => Err(fault(format!("it is {text}"))),
    }
}

/// The tensors whose names begin with `prefix`, without it.
pub(super) fn take_prefix(checkpoint: &mut Checkpoint, prefix: &str) -> BTreeMap<String, Tensor> {
    let (taken, left): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut checkpoint.tensors)
        .into_iter()
        .partition(|(n, _)| n.starts_with(prefix));
    checkpoint.tensors = left;
    taken.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)).collect()
}

/// A network of exactly these tensors.
fn build_strictly<T>(
    path: &Path,
    tensors: BTreeMap<String, Tensor>,
    build: impl Fn(VarBuilder<'static>) -> candle_core::Result<T>,
    device: &Device,
) -> Result<T, PspTrainError> {
    let shapes: Shapes = shapes_of(&build)?;
    let held = Checkpoint { path: path.to_owned(), tensors, metadata: BTreeMap::new() };
    held.require(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())))?;
    let tensors = held.tensors.into_iter().collect();
    Ok(build(VarBuilder::from_tensors(tensors, DType::F32, device))?)
}

/// The identity network of a converted file, or of one that a run has taught.
///
/// # Errors
/// As [`read_identity`].
pub fn load_identity(
    path: &Path,
    device: &Device,
) -> Result<stylegan_psp::Identity, PspTrainError> {
    let (config, tensors) = read_identity(path, device)?;
    let tensors = tensors.into_iter().collect();
    let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
    Ok(stylegan_psp::Identity::new(&config, vb)?)
}

/// An identity network's configuration and tensors: a converted file, or one that a run has taught.
///
/// # Errors
/// A file that cannot be read or holds something else.
pub fn read_identity(
    path: &Path,
    device: &Device,
) -> Result<(IdentityConfig, BTreeMap<String, Tensor>), PspTrainError> {
    let checkpoint = load_on(path, device)?;
    let fault = |reason: String| PspTrainError::NotA {
        path: path.to_owned(),
        what: "identity network",
        reason,
    };
    let config =
        match (checkpoint.metadata.get(IDENTITY_KEY), checkpoint.metadata.get(IMPORTED_KEY)) {
            (Some(text), _) => serde_json::from_str(text).map_err(|e| fault(e.to_string()))?,
            (None, Some(text)) if text == "\"arc_face\"" => IdentityConfig::default(),
            (None, Some(text)) => return Err(fault(format!("it is {text}"))),
            (None, None) => return Err(fault("its metadata do not say so".into())),
        };
    let shapes = shapes_of(|vb| stylegan_psp::Identity::new(&config, vb))?;
    checkpoint.require(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())))?;
    Ok((config, checkpoint.tensors))
}
