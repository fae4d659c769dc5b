//! Trained classifiers, and their files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, bail};
use candle_nn::VarBuilder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stylegan::{Discriminator, DiscriminatorConfig, Parameters, shapes_of};
use stylegan_metrics::ppl::box_reduce;

use super::ClassifierError;

/// The metadata key that holds a classifier's description as JSON.
const KEY: &str = "stylegan.classifier";

/// What a classifier is, and how good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The attribute's name.
    pub attribute: String,
    /// Its place in the label.
    pub index: usize,
    /// The network.
    pub network: DiscriminatorConfig,
    /// The fingerprint of the images that it was trained on.
    pub dataset: String,
    /// The share of held-out images that it tells right.
    pub accuracy: f64,
    /// The share of held-out images that have the attribute.
    pub share: f64,
    /// Held-out images.
    pub held_out: usize,
    /// Thousands of images that it was shown.
    pub kimg: f64,
    /// The seed of its weights and of the order of images.
    pub seed: u64,
}

/// A trained classifier.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// What it is.
    pub about: About,
    /// SHA-256 of its file.
    pub checksum: String,
    network: Discriminator,
    device: Device,
}

impl Classifier {
    /// The file of an attribute's classifier.
    pub fn file(folder: &Path, attribute: &str) -> PathBuf {
        folder.join(format!("{attribute}.safetensors"))
    }

    /// Writes a classifier, atomically.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn save(
        folder: &Path,
        about: &About,
        parameters: &Parameters,
    ) -> Result<(), ClassifierError> {
        let tensors = parameters.tensors();
        let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let metadata = BTreeMap::from([(KEY.to_owned(), serde_json::to_string(about)?)]);
        Ok(stylegan_checkpoint::save(&Self::file(folder, &about.attribute), named, &metadata)?)
    }

    /// Opens a classifier's file on a device.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds something else.
    pub fn open(path: &Path, device: &Device) -> Result<Self, ClassifierError> {
        let not =
            |problem: String| ClassifierError::NotAClassifier { path: path.to_owned(), problem };
        let checkpoint = stylegan_checkpoint::load(path)?;
        let Some(text) = checkpoint.metadata.get(KEY) else {
            return Err(not(format!("its metadata has no `{KEY}`")));
        };
        let about: About = serde_json::from_str(text).map_err(|error| not(error.to_string()))?;
        let shapes = shapes_of(|vb| Discriminator::new(&about.network, vb))?;
        checkpoint.require(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())))?;
        let tensors = checkpoint.tensors.into_iter().collect();
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        let network = Discriminator::new(&about.network, vb)?;
        let checksum = stylegan_features::sha256(path)
            .map_err(|source| ClassifierError::Io { path: path.to_owned(), source })?;
        Ok(Self { about, checksum, network, device: device.clone() })
    }

    /// Scores `[N]` of images that are of its size.
    fn score(&self, images: &Tensor) -> candle_core::Result<Vec<f32>> {
        let images = &images.to_device(&self.device)?;
        self.network.forward(images, 0.0, None)?.score.to_vec1()
    }
}

/// Classifiers of several attributes, trained on the same images; at least one.
#[derive(Debug, Clone)]
pub struct ClassifierSet {
    classifiers: Vec<Classifier>,
}

impl ClassifierSet {
    /// Opens all classifiers of a folder on a device, in the order of the label.
    ///
    /// # Errors
    /// If there is none, one cannot be read, or they were trained on different images.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, ClassifierError> {
        let io = |source| ClassifierError::Io { path: folder.to_owned(), source };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|extension| extension == "safetensors") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut classifiers = paths
            .iter()
            .map(|path| Classifier::open(path, device))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(first) = classifiers.first() else {
            return Err(ClassifierError::None { folder: folder.to_owned() });
        };
        let expected = (&first.about.dataset, first.about.network.resolution);
        for (classifier, path) in classifiers.iter().zip(paths) {
            if (&classifier.about.dataset, classifier.about.network.resolution) != expected {
                return Err(ClassifierError::Mixed {
                    path,
                    found: classifier.about.dataset.clone(),
                    expected: first.about.dataset.clone(),
                });
            }
        }
        classifiers.sort_by_key(|classifier| classifier.about.index);
        Ok(Self { classifiers })
    }

    /// How many; never 0.
    pub fn len(&self) -> usize {
        self.classifiers.len()
    }

    /// Never true.
    pub fn is_empty(&self) -> bool {
        self.classifiers.is_empty()
    }

    /// In the order of the label.
    pub fn iter(&self) -> impl Iterator<Item = &Classifier> {
        self.classifiers.iter()
    }

    /// The size of the images that they judge.
    pub fn resolution(&self) -> usize {
        self.classifiers.first().map_or(0, |classifier| classifier.about.network.resolution)
    }

    /// The fingerprint of the images that they were trained on.
    pub fn dataset(&self) -> &str {
        self.classifiers.first().map_or("", |classifier| &classifier.about.dataset)
    }

    /// What changes whenever a score would.
    pub fn identity(&self) -> String {
        let checksums: Vec<&str> =
            self.iter().map(|classifier| &classifier.checksum[..16]).collect();
        checksums.join(" ")
    }

    /// Scores `[N, attributes]` of images `[N, C, H, W]`, nominal range [-1, 1]: positive for those that have the attribute, whose
    /// probability is the sigmoid of twice the score. Larger images are reduced by means over squares.
    ///
    /// # Errors
    /// For images that are smaller than what was trained on, or no multiple of it.
    pub fn scores(&self, images: &Tensor) -> candle_core::Result<Vec<f32>> {
        let (n, _, height, width) = images.dims4()?;
        let side = self.resolution();
        if height != width || height < side || height % side != 0 {
            bail!("classifiers of {side}x{side} cannot judge images of {height}x{width}");
        }
        let images = box_reduce(images, height / side)?.contiguous()?;
        let by_attribute = self
            .classifiers
            .par_iter()
            .map(|classifier| classifier.score(&images))
            .collect::<candle_core::Result<Vec<_>>>()?;
        Ok((0..n).flat_map(|image| by_attribute.iter().map(move |scores| scores[image])).collect())
    }
}
