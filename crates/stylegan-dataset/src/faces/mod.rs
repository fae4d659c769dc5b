//! The bundled faces: cartoon faces drawn by this crate, as many as wanted, at any resolution,
//! with exact labels.
//!
//! A face is a function of a seed and a number. Its attributes are drawn first, then every feature
//! from a stream of its own, so that a change of one attribute leaves the other features alone.
//! One file a feature: each draws its random numbers, says which attributes it shows, and paints.

mod attributes;
mod background;
mod beard;
mod body;
mod canvas;
mod earrings;
mod eyes;
mod face;
mod glasses;
mod hair;
mod hat;
mod head;
mod mouth;
mod palette;
mod render;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use attributes::{Attribute, Attributes};
pub use face::Face;

use crate::cache::{Cache, DEFAULT_BYTES};
use crate::dataset::{Dataset, Image, Sample, check_channels, check_index, check_resolution};
use crate::error::DatasetError;

/// Part of the fingerprint: goes up whenever the same number gives another picture.
const DRAWING: u32 = 2;

/// Which faces, and how large.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FacesConfig {
    /// How many faces; 10,000 by default.
    pub count: usize,
    /// Height and width, from 4 to 4096 each; 32 by 32 by default.
    pub resolution: (usize, usize),
    /// 1 (grey), 3 (RGB, the default) or 4 (RGBA on a transparent background).
    pub channels: usize,
    /// Other seeds give other faces; 0 by default.
    pub seed: u64,
    /// Drawn faces are kept in memory if all of them take at most so many bytes; 2 GiB by default.
    pub cache_bytes: u64,
}

impl Default for FacesConfig {
    fn default() -> Self {
        Self {
            count: 10_000,
            resolution: (32, 32),
            channels: 3,
            seed: 0,
            cache_bytes: DEFAULT_BYTES,
        }
    }
}

/// The data set of bundled faces, labelled with the [`Attribute::COUNT`] attributes.
///
/// # Example
/// ```
/// use stylegan_dataset::{Dataset, Faces, FacesConfig};
/// let faces = Faces::new(FacesConfig { count: 100, ..FacesConfig::default() })?;
/// let sample = faces.get(42)?;
/// assert_eq!(sample.image.data.len(), 3 * 32 * 32);
/// assert_eq!(sample.label.len(), faces.label_names().len());
/// # Ok::<(), stylegan_dataset::DatasetError>(())
/// ```
#[derive(Debug)]
pub struct Faces {
    config: FacesConfig,
    drawn: Cache<(Arc<[u8]>, Attributes)>,
}

impl Faces {
    /// Opens the faces of a configuration. Nothing is drawn yet.
    ///
    /// # Errors
    /// If there are no faces, a side is not from 4 to 4096, or the channels are not 1, 3 or 4.
    pub fn new(config: FacesConfig) -> Result<Self, DatasetError> {
        check_resolution(config.resolution)?;
        check_channels(config.channels)?;
        if config.count == 0 {
            return Err(DatasetError::NoImages);
        }
        let bytes = config.channels * config.resolution.0 * config.resolution.1;
        let drawn = Cache::new(config.count, bytes, config.cache_bytes);
        Ok(Self { config, drawn })
    }

    /// The face of a number, to look at its attributes or draw it at another size.
    pub fn face(&self, index: usize) -> Face {
        Face::new(self.config.seed, index as u64)
    }
}

impl Dataset for Faces {
    fn len(&self) -> usize {
        self.config.count
    }

    fn resolution(&self) -> (usize, usize) {
        self.config.resolution
    }

    fn channels(&self) -> usize {
        self.config.channels
    }

    fn label_dim(&self) -> usize {
        Attribute::COUNT
    }

    fn label_names(&self) -> Vec<String> {
        Attribute::NAMES.map(String::from).to_vec()
    }

    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        check_index(index, self.config.count)?;
        let (pixels, attributes) = self.drawn.get_or(index, || {
            let face = self.face(index);
            let image = face.render(self.config.resolution, self.config.channels)?;
            Ok::<_, DatasetError>((image.data.into(), face.attributes()))
        })?;
        let (height, width) = self.config.resolution;
        let image = Image { width, height, channels: self.config.channels, data: pixels.to_vec() };
        Ok(Sample { image, label: attributes.to_label() })
    }

    fn mirror_label(&self, label: &mut [f32]) {
        let (left, right) = (Attribute::TiltedLeft as usize, Attribute::TiltedRight as usize);
        if label.len() == Attribute::COUNT {
            label.swap(left, right);
        }
    }

    fn fingerprint(&self) -> String {
        let FacesConfig { count, resolution: (height, width), channels, seed, .. } = self.config;
        format!("faces-v{DRAWING}-{count}-{height}x{width}x{channels}-seed{seed}")
    }

    fn describe(&self) -> String {
        let FacesConfig { count, resolution: (height, width), channels, .. } = self.config;
        format!(
            "{count} bundled faces, {height}x{width}, {channels} channels, {} labels",
            Attribute::COUNT
        )
    }
}
