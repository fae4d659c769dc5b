//! A folder of images.
//!
//! `scan` finds the files, `decode` turns one into a picture of the right kind, `resample` into
//! one of the right size, and this file holds them together. Opening reads every file once: what
//! is wrong is known before training starts.

mod decode;
mod resample;
mod scan;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use decode::MAX_SIDE;
pub use resample::Filter;
pub use scan::is_image;

use crate::cache::{Cache, DEFAULT_BYTES};
use crate::dataset::{
    Dataset, Image, Progress, Sample, check_channels, check_index, check_resolution,
};
use crate::error::DatasetError;

/// What a folder's images are made into.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderOptions {
    /// Height and width; images are cropped around their centre to this shape, then resized.
    pub resolution: (usize, usize),
    /// 1 (grey), 3 (RGB) or 4 (RGBA). With fewer than 4, transparent images are laid on white.
    pub channels: usize,
    /// The first level of sub-folders are classes; labels are one-hot, in the order of the names.
    pub class_per_folder: bool,
    /// Leave out images that cannot be read, and count them, instead of failing.
    pub skip_bad: bool,
    /// How images are made smaller or larger.
    pub filter: Filter,
    /// Pictures are kept in memory if all of them take at most so many bytes, else read again
    /// each time; 2 GiB by default.
    pub cache_bytes: u64,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self {
            resolution: (32, 32),
            channels: 3,
            class_per_folder: false,
            skip_bad: false,
            filter: Filter::default(),
            cache_bytes: DEFAULT_BYTES,
        }
    }
}

/// What was found on opening a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderReport {
    /// Images in the data set.
    pub images: usize,
    /// Images left out, by path within the folder, with the reason.
    pub bad: Vec<(String, String)>,
    /// Images with fewer pixels than the resolution asks for, which had to be enlarged.
    pub smaller: usize,
    /// Files that are no images.
    pub ignored: usize,
    /// Classes with their numbers of images, in the order of the label.
    pub classes: Vec<(String, usize)>,
    /// Whether all pictures are in memory.
    pub cached: bool,
}

/// A data set of the images in a folder and all folders in it, in the order of their paths.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    options: FolderOptions,
    entries: Vec<scan::Entry>,
    pictures: Cache<Arc<[u8]>>,
    report: FolderReport,
    fingerprint: String,
}

/// What is kept of one file on opening.
struct Loaded {
    pixels: Option<Arc<[u8]>>,
    digest: [u8; 32],
    smaller: bool,
}

impl Folder {
    /// Finds the images of a folder and reads each once, in parallel.
    ///
    /// # Errors
    /// If the folder is missing, no folder, unreadable or without images; if images are bad (the
    /// first is named) and are not to be skipped; if an image is in no class; or if the resolution
    /// or the channels are impossible.
    pub fn open(
        root: &Path,
        options: FolderOptions,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, DatasetError> {
        check_resolution(options.resolution)?;
        check_channels(options.channels)?;
        let scan::Found { entries, classes, ignored } = scan::scan(root, options.class_per_folder)?;
        let total = entries.len();
        let (height, width) = options.resolution;
        let bytes = options.channels * height * width;
        let keep = (total as u128) * (bytes as u128) <= u128::from(options.cache_bytes);

        let done = AtomicUsize::new(0);
        let loaded: Vec<Result<Loaded, String>> = entries
            .par_iter()
            .map(|entry| {
                let result = load(&entry.path, &options, keep);
                progress(Progress { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
                result
            })
            .collect();

        let mut kept = Self {
            root: root.to_path_buf(),
            pictures: Cache::new(total, bytes, options.cache_bytes),
            report: FolderReport { ignored, cached: keep, ..FolderReport::default() },
            entries: Vec::with_capacity(total),
            fingerprint: String::new(),
            options,
        };
        kept.report.classes = classes.into_iter().map(|name| (name, 0)).collect();
        let mut hash = Sha256::new();
        for (entry, result) in entries.into_iter().zip(loaded) {
            match result {
                Ok(loaded) => kept.keep(entry, loaded, &mut hash),
                Err(reason) => kept.report.bad.push((entry.name, reason)),
            }
        }
        kept.finish(total, hash)
    }

    /// What was found on opening.
    pub fn report(&self) -> &FolderReport {
        &self.report
    }

    /// The path of an image within the folder.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.entries.get(index).map(|entry| entry.name.as_str())
    }

    fn keep(&mut self, entry: scan::Entry, loaded: Loaded, hash: &mut Sha256) {
        hash.update(entry.name.as_bytes());
        hash.update([0]);
        hash.update(loaded.digest);
        if let Some(pixels) = loaded.pixels {
            self.pictures.put(self.entries.len(), pixels);
        }
        if let Some((_, count)) = entry.class.and_then(|class| self.report.classes.get_mut(class)) {
            *count += 1;
        }
        self.report.smaller += usize::from(loaded.smaller);
        self.entries.push(entry);
    }

    fn finish(mut self, total: usize, mut hash: Sha256) -> Result<Self, DatasetError> {
        let count = self.report.bad.len();
        if let Some((first, reason)) = self.report.bad.first().cloned() {
            if self.entries.is_empty() {
                return Err(DatasetError::AllBad { path: self.root, count, first, reason });
            }
            if !self.options.skip_bad {
                return Err(DatasetError::BadImages { count, total, first, reason });
            }
        }
        self.report.images = self.entries.len();
        let FolderOptions { resolution: (height, width), channels, filter, .. } = self.options;
        let classes = self.report.classes.len();
        hash.update(format!("{height}x{width}x{channels} {filter:?} {classes} classes"));
        let digest: String = hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
        self.fingerprint = format!("folder-{}-{digest}", self.entries.len());
        Ok(self)
    }
}

/// Reads, checks and (if wanted) prepares one file.
fn load(path: &Path, options: &FolderOptions, keep: bool) -> Result<Loaded, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let decoded = decode::decode(&bytes, options.channels)?;
    let pixels = || resample::fit(&decoded, options.resolution, options.filter).data.into();
    Ok(Loaded {
        smaller: resample::is_smaller(&decoded, options.resolution),
        pixels: keep.then(pixels),
        digest: Sha256::digest(&bytes).into(),
    })
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.entries.len()
    }

    fn resolution(&self) -> (usize, usize) {
        self.options.resolution
    }

    fn channels(&self) -> usize {
        self.options.channels
    }

    fn label_dim(&self) -> usize {
        self.report.classes.len()
    }

    fn label_names(&self) -> Vec<String> {
        self.report.classes.iter().map(|(name, _)| name.clone()).collect()
    }

    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        check_index(index, self.entries.len())?;
        let entry = &self.entries[index];
        let read = || {
            load(&entry.path, &self.options, true).and_then(|loaded| {
                loaded.pixels.ok_or_else(|| String::from("it was read without its pixels"))
            })
        };
        let pixels = self
            .pictures
            .get_or(index, read)
            .map_err(|reason| DatasetError::BadImage { name: entry.name.clone(), reason })?;
        let mut label = vec![0.0; self.label_dim()];
        if let Some(value) = entry.class.and_then(|class| label.get_mut(class)) {
            *value = 1.0;
        }
        let (height, width) = self.options.resolution;
        let image = Image { width, height, channels: self.options.channels, data: pixels.to_vec() };
        Ok(Sample { image, label })
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn describe(&self) -> String {
        let FolderOptions { resolution: (height, width), channels, .. } = self.options;
        let count = self.entries.len();
        let classes = match self.report.classes.len() {
            0 => String::new(),
            n => format!(", {n} classes"),
        };
        let place = if self.report.cached { "in memory" } else { "read when needed" };
        let root = self.root.display();
        format!("{count} images of {root}, {height}x{width}, {channels} channels{classes}, {place}")
    }

    fn warnings(&self) -> Vec<String> {
        let FolderReport { images, bad, smaller, .. } = &self.report;
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
