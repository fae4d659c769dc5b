//! From images to features, batch by batch, with a cache that an interrupted evaluation continues from.

use std::fmt::Write as _;
use std::path::Path;

use candle_core::Tensor;
use sha2::{Digest, Sha256};
use stylegan_features::{FeatureError, Inception, Sampling, Vgg16, Weights, resize};

use crate::features::{Features, Store};
use crate::image_source::first_not_finite;
use crate::report::NetworkId;
use crate::{ImageSource, MetricError, Watch, batches, check_images};

/// A network that makes feature vectors of images [N, 3, H, W] in [-1, 1].
pub trait Extractor {
    /// Name and checksum.
    fn id(&self) -> NetworkId;
    /// Numbers of a feature vector.
    fn dims(&self) -> usize;
    /// Images [N, 3, H, W] -> [N, D].
    ///
    /// # Errors
    /// If the network cannot look at the images.
    fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError>;
}

/// The name and checksum of a network.
pub fn network_id(name: &str, weights: &Weights) -> NetworkId {
    NetworkId { name: name.to_owned(), checksum: weights.checksum.clone(), random: weights.random }
}

/// FID's Inception network as an extractor.
#[derive(Debug, Clone)]
pub struct InceptionExtractor {
    network: Inception,
    id: NetworkId,
}

impl InceptionExtractor {
    /// Takes its weights; images are resized as `sampling` says.
    ///
    /// # Errors
    /// As [`Inception::new`].
    pub fn new(weights: &Weights, sampling: Sampling) -> Result<Self, FeatureError> {
        let name = match sampling {
            Sampling::Centres => "inception",
            Sampling::TensorFlow1 => "inception, tf1 resize",
        };
        let id = network_id(name, weights);
        Ok(Self { network: Inception::new(weights, sampling)?, id })
    }

    /// The network.
    pub fn network(&self) -> &Inception {
        &self.network
    }
}

impl Extractor for InceptionExtractor {
    fn id(&self) -> NetworkId {
        self.id.clone()
    }

    fn dims(&self) -> usize {
        Inception::DIMS
    }

    fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        self.network.features(images)
    }
}

/// VGG16's second dense layer as an extractor; images are resized to 224x224.
#[derive(Debug, Clone)]
pub struct Vgg16Extractor {
    network: Vgg16,
    id: NetworkId,
}

impl Vgg16Extractor {
    /// Takes its weights.
    ///
    /// # Errors
    /// As [`Vgg16::new`].
    pub fn new(weights: &Weights) -> Result<Self, FeatureError> {
        Ok(Self { network: Vgg16::new(weights)?, id: network_id("vgg16", weights) })
    }
}

impl Extractor for Vgg16Extractor {
    fn id(&self) -> NetworkId {
        self.id.clone()
    }

    fn dims(&self) -> usize {
        Vgg16::DIMS
    }

    fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        self.network.features(&resize(images, (224, 224), Sampling::Centres)?)
    }
}

/// How images are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extraction {
    /// Images; fewer if the source has fewer.
    pub count: usize,
    /// Images at a time.
    pub batch: usize,
    /// Whether pixels are rounded to 256 levels first, as images in files are.
    pub quantise: bool,
    /// Whether the source's mirror images count as further images, as where training mirrored its images. The source must have an end.
    pub mirror: bool,
}

/// Features of a source's first images. With a cache, what is there is not computed again; `network`, source and settings make the key.
///
/// # Errors
/// Of the source and the network; [`MetricError::NotFinite`] with the image's index; [`MetricError::Stopped`] if the watcher asked for it, what was computed stays in
/// the cache.
pub fn extract(
    source: &mut dyn ImageSource,
    network: &dyn Extractor,
    options: Extraction,
    cache: Option<&Path>,
    watch: &dyn Watch,
) -> Result<Features, MetricError> {
    let own = source.count();
    let limit = own.map_or(usize::MAX, |own| if options.mirror { 2 * own } else { own });
    if own.is_none() && options.mirror {
        return Err(MetricError::Settings(
            "mirror images are taken of a source that has an end only".to_owned(),
        ));
    }
    let count = options.count.min(limit);
    let id = network.id();
    let key = format!(
        "images: {}; network: {} {}; quantised: {}; mirrored: {}",
        source.identity(),
        id.name,
        id.checksum,
        options.quantise,
        options.mirror
    );
    let mut memory = Vec::new();
    let mut store = match cache {
        Some(folder) => Some(Store::open(&folder.join(digest(&key)), network.dims(), &key)?),
        None => None,
    };
    let done = store.as_ref().map_or(0, Store::count).min(count);
    watch.reached("images", done, count);
    for range in batches(count - done, options.batch) {
        let range = done + range.start..done + range.end;
        if watch.stop() {
            return Err(MetricError::Stopped { what: "images", done: range.start, total: count });
        }
        let own = own.unwrap_or(usize::MAX);
        let features = images(source, range.clone(), own, options.quantise)
            .and_then(|images| Ok(network.features(&images)?.contiguous()?))?;
        if let Some(row) = first_not_finite(&features)? {
            return Err(MetricError::NotFinite {
                what: "features of image",
                index: range.start + row,
                images: source.identity(),
            });
        }
        let rows = features.flatten_all()?.to_vec1::<f32>()?;
        match &mut store {
            Some(store) => store.push(&rows, &key)?,
            None => memory.extend(rows),
        }
        watch.reached("images", range.end, count);
    }
    match store {
        Some(store) => Ok(store.finish(count)),
        None => {
            let shape = (count, network.dims());
            Features::from_tensor(&Tensor::from_vec(memory, shape, &candle_core::Device::Cpu)?)
        }
    }
}

/// Images of a range, in which those from `own` on are the mirror images of the first.
fn images(
    source: &mut dyn ImageSource,
    range: std::ops::Range<usize>,
    own: usize,
    quantise: bool,
) -> Result<Tensor, MetricError> {
    let plain = range.start.min(own)..range.end.min(own);
    let mirrored = range.start.max(own)..range.end.max(own);
    let mut parts = Vec::new();
    if !plain.is_empty() {
        parts.push(check_images(source, plain)?);
    }
    if !mirrored.is_empty() {
        let images = check_images(source, mirrored.start - own..mirrored.end - own)?;
        parts.push(images.flip(&[3])?);
    }
    let images = Tensor::cat(&parts, 0)?;
    Ok(if quantise { quantised(&images)? } else { images })
}

/// Pixels in [-1, 1] at the nearest of 256 levels.
///
/// # Errors
/// Of the tensor's operations.
pub fn quantised(images: &Tensor) -> candle_core::Result<Tensor> {
    images.clamp(-1f32, 1f32)?.affine(127.5, 127.5)?.round()?.affine(1.0 / 127.5, -1.0)
}

/// A folder's name for a key.
fn digest(key: &str) -> String {
    let mut name = String::new();
    for byte in Sha256::digest(key.as_bytes()).iter().take(12) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}
