//! Weights of a network: from a file of ours, from the file that its authors published, or random.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};
use stylegan_checkpoint::pickle::{Document, Value};
use stylegan_checkpoint::{CheckpointError, Mismatch, ShapeMismatch, match_names};
use stylegan_ops::random::Stream;

use crate::FeatureError;

/// The stream of random numbers of random weights.
const STREAM: u32 = 0xfea7;

/// Names and shapes that a network expects.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Tensors under their names, and where they came from.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The tensors, float32.
    pub tensors: BTreeMap<String, Tensor>,
    /// Where they came from, for messages: a file, `random weights`.
    pub origin: String,
    /// SHA-256 of the file in hexadecimal digits, or `random-SEED`.
    pub checksum: String,
    /// The seed, where they are random.
    pub random: Option<u64>,
}

impl Weights {
    /// Reads a file: safetensors, or a PyTorch file as its authors published it, of which nothing is run.
    ///
    /// # Errors
    /// [`FeatureError::Checkpoint`] naming the file, if it is damaged or truncated; [`FeatureError::NoWeights`] if it holds something
    /// else.
    pub fn load(path: &Path) -> Result<Self, FeatureError> {
        let shown = path.display().to_string();
        let io = |source| FeatureError::Io { path: shown.clone(), source };
        let mut first = [0; 4];
        let mut file = File::open(path).map_err(io)?;
        let count = file.read(&mut first).map_err(io)?;
        let tensors = if Document::is_likely(&first[..count]) {
            published(path)?
        } else {
            stylegan_checkpoint::load(path)?.tensors
        };
        let tensors = tensors
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)))
            .collect::<Result<_, FeatureError>>()?;
        let checksum = sha256(path).map_err(io)?;
        Ok(Self { tensors, origin: shown, checksum, random: None })
    }

    /// Tensors that are in memory already.
    pub fn from_tensors(origin: impl Into<String>, tensors: BTreeMap<String, Tensor>) -> Self {
        Self { tensors, origin: origin.into(), checksum: "in memory".to_owned(), random: None }
    }

    /// The same on another device: networks made of these weights look at images there.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn to_device(&self, device: &Device) -> Result<Self, FeatureError> {
        let moved = |(name, tensor): (&String, &Tensor)| -> Result<_, FeatureError> {
            Ok((name.clone(), tensor.to_device(device)?))
        };
        let tensors = self.tensors.iter().map(moved).collect::<Result<_, _>>()?;
        Ok(Self { tensors, ..self.clone() })
    }

    /// Where the tensors are: all on one device.
    pub(crate) fn device(&self) -> Device {
        self.tensors.values().next().map_or(Device::Cpu, |tensor| tensor.device().clone())
    }

    /// Fixed random weights: normal numbers with the standard deviation that keeps a ReLU network's activations in scale
    /// (He et al. 2015), variances and scales of 1 where a name says `running_var` or `bn.weight`, other vectors 0.
    ///
    /// What such a network sees depends on `seed`, and is no published figure's measure.
    ///
    /// # Errors
    /// If a tensor cannot be made.
    pub fn random(shapes: &Shapes, seed: u64) -> Result<Self, FeatureError> {
        let mut tensors = BTreeMap::new();
        for (index, (name, shape)) in shapes.iter().enumerate() {
            let tensor = if shape.len() < 2 {
                let one = name.ends_with("running_var") || name.ends_with("bn.weight");
                let value = if one { 1f32 } else { 0.0 };
                Tensor::full(value, shape.as_slice(), &Device::Cpu)?
            } else {
                let fan_in: usize = shape[1..].iter().product();
                let stream = Stream::new(seed, index as u64, STREAM);
                let normal = stream.normal(shape.as_slice(), &Device::Cpu)?;
                normal.affine((2.0 / fan_in as f64).sqrt(), 0.0)?
            };
            tensors.insert(name.clone(), tensor);
        }
        Ok(Self {
            tensors,
            origin: "random weights".to_owned(),
            checksum: format!("random-{seed}"),
            random: Some(seed),
        })
    }

    /// The tensors of a network, which must be there with these names and shapes. Others may be there too only if `extra` says
    /// so by name.
    pub(crate) fn require(
        &self,
        network: &'static str,
        shapes: &Shapes,
        extra: impl Fn(&str) -> bool,
    ) -> Result<(), FeatureError> {
        let found: BTreeMap<String, Tensor> = self
            .tensors
            .iter()
            .filter(|(name, _)| shapes.contains_key(*name) || !extra(name))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        let expected = shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()));
        match_names(expected, &found).map_err(|error| match error {
            CheckpointError::Mismatch { mismatch, .. } => {
                FeatureError::Mismatch { origin: self.origin.clone(), network, mismatch }
            }
            other => other.into(),
        })
    }

    /// One tensor of a shape.
    pub(crate) fn get(
        &self,
        network: &'static str,
        name: &str,
        shape: &[usize],
    ) -> Result<Tensor, FeatureError> {
        let mut mismatch = Mismatch::default();
        match self.tensors.get(name) {
            Some(tensor) if tensor.dims() == shape => return Ok(tensor.clone()),
            Some(tensor) => mismatch.shapes.push(ShapeMismatch {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.dims().to_vec(),
            }),
            None => mismatch.missing.push(name.to_owned()),
        }
        let mismatch = Box::new(mismatch);
        Err(FeatureError::Mismatch { origin: self.origin.clone(), network, mismatch })
    }
}

/// The tensors of a file as its authors published it: a dictionary, or one under `state_dict`.
fn published(path: &Path) -> Result<BTreeMap<String, Tensor>, FeatureError> {
    let document = Document::open(path)?;
    let root = document.root();
    let root = root.get("state_dict").unwrap_or(root);
    let none =
        |reason: String| FeatureError::NoWeights { path: path.display().to_string(), reason };
    let entries = root.entries().ok_or_else(|| none(format!("it is a {}", root.kind())))?;
    let mut tensors = BTreeMap::new();
    for (key, value) in entries {
        let Some(name) = key.as_str() else { continue };
        if let Some(tensor) = read(value).map_err(|reason| none(format!("`{name}`: {reason}")))? {
            tensors.insert(name.to_owned(), tensor);
        }
    }
    if tensors.is_empty() {
        return Err(none(format!("it is a {} without tensors", root.kind())));
    }
    Ok(tensors)
}

fn read(value: Value) -> Result<Option<Tensor>, String> {
    let Some(tensor) = value.tensor() else { return Ok(None) };
    let values = tensor.to_f32();
    let tensor = Tensor::from_vec(values, tensor.shape(), &Device::Cpu);
    tensor.map(Some).map_err(|error| error.to_string())
}

/// SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// The operating system's.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
