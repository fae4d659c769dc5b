//! From any collection to a training set: cropped, resized, with every level of the resolution
//! pyramid, checked and hashed.

mod align;
mod export;
mod landmarks;
mod pyramid;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use align::align;
pub use landmarks::{Landmarks, Quad};
pub use pyramid::pyramid;

use crate::dataset::{Progress, check_channels};
use crate::error::DatasetError;
use crate::loader::Order;
use crate::native::write::{Picture, Writer, publish};
use crate::picture::{Crop, Filter, resample};
use crate::source::{Labels, Source};

/// Pictures in work at a time; what is in memory is a few times as many.
const CHUNK: usize = 64;

/// What a prepared set is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Raw pixels of every level, mapped into memory: see [`crate::native`].
    #[default]
    Native,
    /// A zip archive of stylegan2-ada.
    AdaZip,
    /// Multi-resolution TFRecords of StyleGAN.
    Tfrecords,
}

/// How a set is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Height and width of the largest level, 4 to 8192 each.
    pub resolution: (usize, usize),
    /// 1 (grey), 3 (RGB) or 4 (RGBA); `None` for those of the first picture, which all others must
    /// then have too.
    pub channels: Option<usize>,
    /// What is done with pictures of another shape; by default they are an error.
    pub crop: Crop,
    /// How pictures are made smaller or larger; Lanczos by default.
    pub filter: Filter,
    /// At most so many pictures.
    pub max_images: Option<usize>,
    /// Take the pictures in an order shuffled by this seed; else in the source's order.
    pub shuffle: Option<u64>,
    /// Leave out pictures that are bad, and count them.
    pub skip_bad: bool,
    /// What is written.
    pub format: Format,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self {
            resolution: (256, 256),
            channels: None,
            crop: Crop::None,
            filter: Filter::default(),
            max_images: None,
            shuffle: None,
            skip_bad: false,
            format: Format::default(),
        }
    }
}

/// What was prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Pictures in the set.
    pub images: usize,
    /// Channels of a picture.
    pub channels: usize,
    /// Height and width of each level, full resolution first.
    pub levels: Vec<(usize, usize)>,
    /// Length of a label.
    pub label_dim: usize,
    /// Pictures left out, with the reason.
    pub bad: Vec<(String, String)>,
    /// Pictures that had to be enlarged.
    pub smaller: usize,
    /// The hash of the content: see [`crate::native::Header::content`].
    pub content: String,
    /// Pictures that an earlier, interrupted preparation had done.
    pub continued: usize,
}

/// The working folder of a preparation.
pub fn working_folder(dest: &Path) -> PathBuf {
    let mut name = dest.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    dest.with_file_name(name)
}

/// Prepares a set at `dest`, with the given labels.
///
/// The work is done in a folder beside `dest`, which gets its name when all is done. When `stop` is
/// set, or the machine is, the next call with the same arguments continues.
///
/// # Errors
/// If something is at `dest`, settings do not fit, a picture is bad (the first is named) and bad
/// ones are not to be skipped, writing fails, or `stop` was set. After a bad picture nothing is
/// left; after the others, what is needed to continue.
pub fn prepare(
    source: &dyn Source,
    labels: &Labels,
    landmarks: Option<&Landmarks>,
    dest: &Path,
    options: &PrepareOptions,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Prepared, DatasetError> {
    check(source, dest, options)?;
    let total = source.len().min(options.max_images.unwrap_or(usize::MAX));
    let order = options.shuffle.map(|seed| Order::new(seed, source.len()));
    let number = |at: usize| order.map_or(at, |order| order.index(at as u64));
    let channels = match options.channels {
        Some(channels) => channels,
        None => natural_channels(source, (0..total).map(number), options.skip_bad)?,
    };
    export::check(options.format, options.resolution, channels)?;
    let sizes = pyramid::sizes(options.resolution);
    let folder = working_folder(dest);
    let settings = settings(source, labels, landmarks, options, channels);
    let mut writer = Writer::begin(&folder, settings, channels, sizes.clone(), labels)?;
    let continued = writer.state.next;
    let one = |at: usize| {
        let index = number(at);
        make(source, index, landmarks, options, channels)
            .map(|(levels, smaller)| (Picture { levels, name: source.name(index), index }, smaller))
    };
    let done = AtomicUsize::new(continued);
    while writer.state.next < total {
        if stop.load(Ordering::Relaxed) {
            writer.sync()?;
            return Err(DatasetError::Stopped { done: writer.state.next, total });
        }
        let start = writer.state.next;
        let made: Vec<_> = (start..total.min(start + CHUNK))
            .into_par_iter()
            .map(|at| {
                let made = one(at);
                progress(Progress { done: 1 + done.fetch_add(1, Ordering::Relaxed), total });
                made
            })
            .collect();
        for (at, made) in (start..).zip(made) {
            match made {
                Ok((picture, smaller)) => {
                    writer.push(&picture)?;
                    writer.state.smaller += usize::from(smaller);
                }
                Err(reason) if options.skip_bad => {
                    writer.state.bad.push((source.name(number(at)), reason));
                }
                Err(reason) => {
                    drop(writer);
                    let _ = fs::remove_dir_all(&folder);
                    return Err(DatasetError::BadImages {
                        count: 1,
                        total,
                        first: source.name(number(at)),
                        reason,
                    });
                }
            }
            writer.state.next += 1;
        }
        writer.sync_now_and_then()?;
    }
    let (bad, smaller) = (writer.state.bad.clone(), writer.state.smaller);
    if writer.state.written == 0 {
        drop(writer);
        let _ = fs::remove_dir_all(&folder);
        let (first, reason) = bad.into_iter().next().unwrap_or_default();
        let source_name = source.describe();
        return Err(DatasetError::AllBad { source_name, count: total, first, reason });
    }
    writer.sync()?;
    let header = writer.finish(source.describe(), describe(options))?;
    let (images, content) = (header.images, header.content.clone());
    match options.format {
        Format::Native => publish(&folder, dest)?,
        format => export::export(&folder, dest, format)?,
    }
    let label_dim = labels.dim();
    Ok(Prepared { images, channels, levels: sizes, label_dim, bad, smaller, content, continued })
}

fn check(source: &dyn Source, dest: &Path, options: &PrepareOptions) -> Result<(), DatasetError> {
    let (height, width) = options.resolution;
    let sides = 4..=8192;
    if !sides.contains(&height) || !sides.contains(&width) {
        return Err(DatasetError::Resolution { height, width, min: 4, max: 8192 });
    }
    if let Some(channels) = options.channels {
        check_channels(channels)?;
    }
    if source.is_empty() || options.max_images == Some(0) {
        return Err(DatasetError::NoImages);
    }
    if dest.file_name().is_none() {
        let source = std::io::Error::other("it has no name");
        return Err(DatasetError::Write { path: dest.into(), source });
    }
    if dest.exists() {
        return Err(DatasetError::Exists { path: dest.into() });
    }
    Ok(())
}

/// The channels of the first picture that can be read.
fn natural_channels(
    source: &dyn Source,
    numbers: impl Iterator<Item = usize>,
    skip_bad: bool,
) -> Result<usize, DatasetError> {
    let (mut first, mut count) = (None, 0);
    for index in numbers {
        match source.read(index).and_then(|raw| raw.decode(None)) {
            Ok(pixels) => return Ok(pixels.channels),
            Err(reason) => {
                count += 1;
                first.get_or_insert((source.name(index), reason));
                if !skip_bad {
                    break;
                }
            }
        }
    }
    let (first, reason) = first.unwrap_or_default();
    if skip_bad {
        return Err(DatasetError::AllBad { source_name: source.describe(), count, first, reason });
    }
    Err(DatasetError::BadImages { count: 1, total: source.len(), first, reason })
}

/// All levels of one picture, and whether it was enlarged.
fn make(
    source: &dyn Source,
    index: usize,
    landmarks: Option<&Landmarks>,
    options: &PrepareOptions,
    channels: usize,
) -> Result<(Vec<Vec<u8>>, bool), String> {
    let raw = source.read(index)?;
    let mut pixels = raw.decode(options.channels)?;
    if pixels.channels != channels {
        let found = pixels.channels;
        return Err(format!(
            "it has {found} channels, the first image has {channels}; --channels {} makes all alike",
            found.max(channels).max(3)
        ));
    }
    if let Some(landmarks) = landmarks {
        let quad = landmarks.quad(&source.name(index))?;
        pixels = align(&pixels, &quad, options.resolution.0)?;
    }
    let smaller = resample::is_smaller(&pixels, options.resolution, options.crop);
    let image = resample::fit(&pixels, options.resolution, options.crop, options.filter)?;
    Ok((pyramid(&image), smaller))
}

/// What identifies a preparation: another source, label or option is another one.
fn settings(
    source: &dyn Source,
    labels: &Labels,
    landmarks: Option<&Landmarks>,
    options: &PrepareOptions,
    channels: usize,
) -> String {
    let mut hash = Sha256::new();
    for index in 0..source.len() {
        hash.update(source.name(index));
        hash.update([0]);
        labels.digest(index, &mut hash);
    }
    let listing: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let aligned = landmarks.map_or(String::new(), |landmarks| landmarks.fingerprint());
    format!("{} {listing} {} {channels} {aligned}", source.describe(), describe(options))
}

/// The options in one line.
fn describe(options: &PrepareOptions) -> String {
    let PrepareOptions { resolution: (height, width), crop, filter, max_images, shuffle, .. } =
        options;
    let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let mut said = format!("{height}x{width}, crop {}, filter {}", word(crop), word(filter));
    if let Some(most) = max_images {
        said.push_str(&format!(", at most {most}"));
    }
    if let Some(seed) = shuffle {
        said.push_str(&format!(", shuffled by seed {seed}"));
    }
    said
}
