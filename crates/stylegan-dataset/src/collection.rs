//! Any source as a data set: its pictures cropped, resized and converted to what is wanted.
//!
//! Opening reads every picture once, so that what is wrong is known before training starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::cache::{Cache, DEFAULT_BYTES};
use crate::dataset::{
    Dataset, Image, Progress, Sample, check_channels, check_index, check_resolution,
};
use crate::error::DatasetError;
use crate::picture::{Crop, Filter, resample};
use crate::source::{Labels, Source};

/// What the pictures of a source are made into.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectionOptions {
    /// Height and width of the pictures.
    pub resolution: (usize, usize),
    /// 1 (grey), 3 (RGB) or 4 (RGBA). With fewer than 4, transparent images are laid on white.
    pub channels: usize,
    /// Leave out images that cannot be read, and count them, instead of failing.
    pub skip_bad: bool,
    /// What is done with images of another shape; cropped around their centre by default.
    pub crop: Crop,
    /// How images are made smaller or larger.
    pub filter: Filter,
    /// Pictures are kept in memory if all of them take at most so many bytes, else read again
    /// each time; 2 GiB by default.
    pub cache_bytes: u64,
}

impl Default for CollectionOptions {
    fn default() -> Self {
        Self {
            resolution: (32, 32),
            channels: 3,
            skip_bad: false,
            crop: Crop::default(),
            filter: Filter::default(),
            cache_bytes: DEFAULT_BYTES,
        }
    }
}

/// What was found on opening a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectionReport {
    /// Images in the data set.
    pub images: usize,
    /// Images left out, by name, with the reason.
    pub bad: Vec<(String, String)>,
    /// Images with fewer pixels than the resolution asks for, which had to be enlarged.
    pub smaller: usize,
    /// Files that are no images.
    pub ignored: usize,
    /// Classes (or values of the label) with their numbers of images, in the order of the label.
    pub classes: Vec<(String, usize)>,
    /// Whether all pictures are in memory.
    pub cached: bool,
}

/// A data set of the pictures of a source, in their order.
#[derive(Debug)]
pub struct Collection {
    source: Box<dyn Source>,
    options: CollectionOptions,
    /// The number in the source of each picture that is kept.
    kept: Vec<usize>,
    labels: Labels,
    pictures: Cache<Arc<[u8]>>,
    report: CollectionReport,
    fingerprint: String,
}

/// What is kept of one picture on opening.
struct Loaded {
    pixels: Option<Arc<[u8]>>,
    digest: [u8; 32],
    smaller: bool,
}

impl Collection {
    /// Reads each picture of a source once, in parallel; sources that know their fingerprint are
    /// taken as they are.
    ///
    /// # Errors
    /// If pictures are bad (the first is named) and are not to be skipped, or if the resolution or
    /// the channels are impossible.
    pub fn new(
        source: Box<dyn Source>,
        options: CollectionOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, DatasetError> {
        check_resolution(options.resolution)?;
        check_channels(options.channels)?;
        let total = source.len();
        if total == 0 {
            return Err(DatasetError::NoImages);
        }
        let (height, width) = options.resolution;
        let bytes = options.channels * height * width;
        let keep = (total as u128) * (bytes as u128) <= u128::from(options.cache_bytes);
        let mut set = Self {
            pictures: Cache::new(total, bytes, options.cache_bytes),
            report: CollectionReport {
                ignored: source.ignored(),
                cached: keep,
                ..CollectionReport::default()
            },
            kept: Vec::with_capacity(total),
            labels: Labels::none(),
            fingerprint: String::new(),
            source,
            options,
        };
        if let Some(print) = set.source.fingerprint() {
            set.kept = (0..total).collect();
            set.finish(total, Sha256::new_with_prefix(print))?;
            return Ok(set);
        }
        let done = AtomicUsize::new(0);
        let loaded: Vec<Result<Loaded, String>> = (0..total)
            .into_par_iter()
            .map(|index| {
                let result = load(set.source.as_ref(), index, &set.options, keep);
                progress(Progress { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
                result
            })
            .collect();
        let mut hash = Sha256::new();
        for (index, result) in loaded.into_iter().enumerate() {
            match result {
                Ok(loaded) => set.keep(index, loaded, &mut hash),
                Err(reason) => set.report.bad.push((set.source.name(index), reason)),
            }
        }
        set.finish(total, hash)?;
        Ok(set)
    }

    /// What was found on opening.
    pub fn report(&self) -> &CollectionReport {
        &self.report
    }

    /// The name of a picture within the source.
    pub fn name(&self, index: usize) -> Option<String> {
        self.kept.get(index).map(|&index| self.source.name(index))
    }

    fn keep(&mut self, index: usize, loaded: Loaded, hash: &mut Sha256) {
        hash.update(self.source.name(index).as_bytes());
        hash.update([0]);
        hash.update(loaded.digest);
        self.source.labels().digest(index, hash);
        if let Some(pixels) = loaded.pixels {
            self.pictures.put(self.kept.len(), pixels);
        }
        self.report.smaller += usize::from(loaded.smaller);
        self.kept.push(index);
    }

    fn finish(&mut self, total: usize, mut hash: Sha256) -> Result<(), DatasetError> {
        let count = self.report.bad.len();
        if let Some((first, reason)) = self.report.bad.first().cloned() {
            if self.kept.is_empty() {
                let source = self.source.describe();
                return Err(DatasetError::AllBad { source_name: source, count, first, reason });
            }
            if !self.options.skip_bad {
                return Err(DatasetError::BadImages { count, total, first, reason });
            }
        }
        self.labels = self.source.labels().select(&self.kept);
        self.report.images = self.kept.len();
        self.report.classes = self.labels.counts(self.kept.len());
        let CollectionOptions { resolution: (height, width), channels, filter, .. } = self.options;
        let classes = self.labels.dim();
        hash.update(format!("{height}x{width}x{channels} {filter:?} {classes} classes"));
        let digest: String = hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
        self.fingerprint = format!("images-{}-{digest}", self.kept.len());
        Ok(())
    }
}

/// Reads, checks and (if wanted) prepares one picture.
fn load(
    source: &dyn Source,
    index: usize,
    options: &CollectionOptions,
    keep: bool,
) -> Result<Loaded, String> {
    let CollectionOptions { resolution, channels, crop, filter, .. } = *options;
    let raw = source.read(index)?;
    let decoded = raw.decode(Some(channels))?;
    let pixels = keep
        .then(|| resample::fit(&decoded, resolution, crop, filter))
        .transpose()?
        .map(|image| image.data.into());
    Ok(Loaded {
        smaller: resample::is_smaller(&decoded, resolution, crop),
        pixels,
        digest: raw.digest(),
    })
}

impl Dataset for Collection {
    fn len(&self) -> usize {
        self.kept.len()
    }

    fn resolution(&self) -> (usize, usize) {
        self.options.resolution
    }

    fn channels(&self) -> usize {
        self.options.channels
    }

    fn label_dim(&self) -> usize {
        self.labels.dim()
    }

    fn label_names(&self) -> Vec<String> {
        self.labels.names().to_vec()
    }

    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        check_index(index, self.kept.len())?;
        let number = self.kept[index];
        let read = || {
            load(self.source.as_ref(), number, &self.options, true).and_then(|loaded| {
                loaded.pixels.ok_or_else(|| String::from("it was read without its pixels"))
            })
        };
        let pixels = self
            .pictures
            .get_or(index, read)
            .map_err(|reason| DatasetError::BadImage { name: self.source.name(number), reason })?;
        let (height, width) = self.options.resolution;
        let image = Image { width, height, channels: self.options.channels, data: pixels.to_vec() };
        Ok(Sample { image, label: self.labels.get(index) })
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn describe(&self) -> String {
        let CollectionOptions { resolution: (height, width), channels, .. } = self.options;
        let count = self.kept.len();
        let classes = match self.labels.dim() {
            0 => String::new(),
            n if self.labels.are_classes() => format!(", {n} classes"),
            n => format!(", labels of {n} values"),
        };
        let place = if self.report.cached { "in memory" } else { "read when needed" };
        let source = self.source.describe();
        format!(
            "{count} images of {source}, {height}x{width}, {channels} channels{classes}, {place}"
        )
    }

    fn warnings(&self) -> Vec<String> {
        let CollectionReport { images, bad, smaller, .. } = &self.report;
        let (height, width) = self.options.resolution;
        let mut warnings = Vec::new();
        if let Some((first, reason)) = bad.first() {
            let count = bad.len();
            warnings.push(format!("{count} images were left out; the first is {first}: {reason}"));
        }
        if *smaller > 0 {
            warnings.push(format!(
                "{smaller} of {images} images are smaller than {height}x{width} and were enlarged"
            ));
        }
        warnings
    }
}
