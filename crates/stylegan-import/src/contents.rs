//! What a file holds: its dialect, recognised by content alone, and its networks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use stylegan_checkpoint::pickle::{Document, Tensor, Value};

use crate::dialects;
use crate::{ImportError, Model};

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// The official TensorFlow pickles of Progressive GAN, StyleGAN and StyleGAN2.
    OfficialTensorFlow,
    /// `stylegan2-ada-pytorch` pickles.
    AdaPyTorch,
    /// genforce.
    Genforce,
    /// lernapparat's conversion of the FFHQ generator.
    Lernapparat,
    /// huangzh13's StyleGAN.pytorch.
    Huangzh13,
    /// rosinality's style-based-gan-pytorch.
    RosinalityStyleGan,
    /// rosinality's stylegan2-pytorch.
    RosinalityStyleGan2,
    /// pixel2style2pixel.
    Psp,
    /// The IR-SE50 face recognition network.
    ArcFace,
    /// torchvision's VGG16, AlexNet and SqueezeNet.
    Torchvision,
    /// The Inception network of the Fréchet inception distance, as PyTorch ports have it.
    FidInception,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 11] = [
        Self::OfficialTensorFlow,
        Self::AdaPyTorch,
        Self::Genforce,
        Self::Lernapparat,
        Self::Huangzh13,
        Self::RosinalityStyleGan,
        Self::RosinalityStyleGan2,
        Self::Psp,
        Self::ArcFace,
        Self::Torchvision,
        Self::FidInception,
    ];
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OfficialTensorFlow => "official TensorFlow",
            Self::AdaPyTorch => "stylegan2-ada-pytorch",
            Self::Genforce => "genforce",
            Self::Lernapparat => "lernapparat",
            Self::Huangzh13 => "huangzh13",
            Self::RosinalityStyleGan => "rosinality StyleGAN",
            Self::RosinalityStyleGan2 => "rosinality StyleGAN2",
            Self::Psp => "pixel2style2pixel",
            Self::ArcFace => "ArcFace",
            Self::Torchvision => "torchvision",
            Self::FidInception => "FID Inception",
        })
    }
}

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// The generator whose weights are averaged over training: the one to draw with.
    Ema,
    /// The generator as it is trained.
    Generator,
    /// The discriminator, or a classifier of its shape.
    Discriminator,
    /// An encoder of images.
    Encoder,
    /// A network whose features are looked at.
    Features,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ema => "averaged generator (ema)",
            Self::Generator => "generator (g)",
            Self::Discriminator => "discriminator (d)",
            Self::Encoder => "encoder",
            Self::Features => "feature network",
        })
    }
}

/// A network of a file, as the file has it.
pub struct Network<'a> {
    /// What it is for.
    pub role: Role,
    /// What the file calls it; empty where the whole file is it.
    pub name: String,
    /// Its tensors, by the file's names.
    pub tensors: BTreeMap<String, Tensor<'a>>,
    /// Its settings as the file has them, for people.
    pub settings: BTreeMap<String, String>,
    pub(crate) kind: dialects::Kind<'a>,
}

impl<'a> Network<'a> {
    pub(crate) fn new(
        role: Role,
        name: impl Into<String>,
        tensors: BTreeMap<String, Tensor<'a>>,
        kind: dialects::Kind<'a>,
    ) -> Self {
        Self { role, name: name.into(), tensors, settings: BTreeMap::new(), kind }
    }

    /// The shapes of its tensors.
    pub(crate) fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape())).collect()
    }
}

/// What a file holds.
pub struct Contents<'a> {
    /// Whose file it is.
    pub dialect: Dialect,
    /// Its networks, in its order.
    pub networks: Vec<Network<'a>>,
    /// What else is in it, for people.
    pub rest: BTreeMap<String, String>,
    path: PathBuf,
}

impl<'a> Contents<'a> {
    /// Recognises a file. No numbers are read.
    ///
    /// # Errors
    /// [`ImportError::Unknown`], saying what the file holds.
    pub fn of(document: &'a Document) -> Result<Self, ImportError> {
        let root = document.root();
        let found = dialects::recognise(root);
        let path = document.path().to_owned();
        let (dialect, networks) =
            found.ok_or_else(|| ImportError::Unknown { path: path.clone(), held: held(root) })?;
        Ok(Self { dialect, networks, rest: rest_of(root), path })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The network of a role. Of generators, the averaged and the trained one stand for each other only where a file
    /// does not tell them apart.
    ///
    /// # Errors
    /// [`ImportError::NoSuchNetwork`], saying what there is.
    pub fn network(&self, role: Role) -> Result<&Network<'a>, ImportError> {
        let networks = &self.networks;
        networks.iter().find(|network| network.role == role).ok_or_else(|| {
            let held: Vec<String> = networks.iter().map(|n| n.role.to_string()).collect();
            ImportError::NoSuchNetwork {
                path: self.path.clone(),
                dialect: self.dialect.to_string(),
                role,
                held: held.join(", "),
            }
        })
    }

    /// The configuration of a network, from its settings and with its shapes as witness.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] where it cannot be had here.
    pub fn model(&self, network: &Network) -> Result<Model, ImportError> {
        network.kind.model(network).map_err(|reason| self.unsupported(reason))
    }

    pub(crate) fn unsupported(&self, reason: String) -> ImportError {
        ImportError::Unsupported {
            path: self.path.clone(),
            dialect: self.dialect.to_string(),
            reason,
        }
    }
}

/// What a file begins with, for the message that it is not known.
fn held(root: Value) -> String {
    let Some(entries) = root.entries().filter(|entries| !entries.is_empty()) else {
        return root.shown();
    };
    let keys: Vec<String> = entries.iter().take(8).map(|(key, _)| key.shown()).collect();
    let more = if entries.len() > keys.len() { ", …" } else { "" };
    format!("{} with the keys {}{more}", root.kind(), keys.join(", "))
}

/// The entries of a file that are no networks: options, counters, states of optimizers.
fn rest_of(root: Value) -> BTreeMap<String, String> {
    let entries = root.entries().unwrap_or_default();
    let named = entries.into_iter().filter_map(|(key, value)| Some((key.as_str()?, value)));
    let plain = named.filter(|(_, value)| value.tensor().is_none());
    plain
        .filter(|(_, value)| state_dict(*value).is_none_or(|tensors| tensors.is_empty()))
        .map(|(key, value)| (key.to_owned(), value.shown()))
        .collect()
}

/// The tensors of a dictionary that holds nothing but tensors under strings. Names under `module.`, as parallel
/// training leaves them, lose it.
pub(crate) fn state_dict(value: Value<'_>) -> Option<BTreeMap<String, Tensor<'_>>> {
    let entries = value.entries()?;
    let mut tensors = BTreeMap::new();
    for (key, value) in entries {
        tensors.insert(key.as_str()?.to_owned(), value.tensor()?);
    }
    if !tensors.is_empty() && tensors.keys().all(|name| name.starts_with("module.")) {
        let short = |name: String| name["module.".len()..].to_owned();
        tensors = tensors.into_iter().map(|(name, tensor)| (short(name), tensor)).collect();
    }
    Some(tensors)
}
