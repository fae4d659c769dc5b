//! The prepared set: every level of the resolution pyramid as raw pixels, mapped into memory.
//!
//! A set is a folder. `set.json` says what is in it; `PIXELS-HxW` hold the pictures of one level one
//! after the other, channel by channel; `labels` class numbers (u32) or vectors (f32); `names` the
//! names with `names-index`, where each begins (u64, one more than there are pictures); `digests` a
//! SHA-256 a picture over all its levels, its label and its name. All numbers are little-endian.
//!
//! Nothing is decoded and nothing is read on opening but `set.json`, so a set of a million pictures
//! opens as fast as one of ten, and only the pages that are used take memory.

mod header;
mod map;
mod set;
mod verify;
pub(crate) mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use header::{Header, LabelKind};
pub use set::NativeSet;
pub use verify::Damage;

use crate::dataset::Image;
use crate::error::DatasetError;
use crate::source::Labels;
use map::Map;

/// Files of a set.
pub(crate) const HEADER: &str = "set.json";
pub(crate) const LABELS: &str = "labels";
pub(crate) const NAMES: &str = "names";
pub(crate) const INDEX: &str = "names-index";
pub(crate) const DIGESTS: &str = "digests";

/// Bytes of a digest.
pub(crate) const DIGEST: usize = 32;

const HINT: &str = "prepare the set again, or copy it again from where it is whole";

/// The name of a level's file.
pub(crate) fn pixels_file((height, width): (usize, usize)) -> String {
    format!("pixels-{height}x{width}")
}

/// Whether a folder is a prepared set.
pub(crate) fn is_native(path: &Path) -> bool {
    crate::source::bytes::first(&path.join(HEADER), 256)
        .is_ok_and(|start| String::from_utf8_lossy(&start).contains(header::FORMAT))
}

/// A prepared set on disk. Clones share the map.
#[derive(Debug, Clone)]
pub struct Native {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    header: Header,
    /// One map a level, full resolution first.
    levels: Vec<Map>,
    labels: Option<Map>,
    names: Map,
    index: Map,
    digests: Map,
}

impl Native {
    /// Opens a set: checks that all files are there and as long as `set.json` says. What is in them
    /// is checked by [`Native::verify`].
    ///
    /// # Errors
    /// If `set.json` does not read or a file is missing or of another length.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let header = Header::read(&path.join(HEADER))?;
        let file = |name: &str, bytes: Option<u64>| {
            let path = path.join(name);
            let map = Map::open(&path)?;
            match bytes {
                Some(bytes) if map.bytes().len() as u64 == bytes => Ok(map),
                _ => {
                    let found = map.bytes().len();
                    let expected = bytes
                        .map_or("a possible length".to_owned(), |bytes| format!("{bytes} bytes"));
                    let reason = format!("it has {found} bytes, expected {expected}");
                    Err(DatasetError::format(&path, reason, HINT))
                }
            }
        };
        let count = header.images as u64;
        let times = |size: usize| count.checked_mul(size as u64);
        let levels = header
            .levels
            .iter()
            .map(|&size| file(&pixels_file(size), times(header.channels * size.0 * size.1)))
            .collect::<Result<_, _>>()?;
        let labels = match header.labels {
            LabelKind::None => None,
            LabelKind::Classes => Some(file(LABELS, times(4))?),
            LabelKind::Vectors => Some(file(LABELS, times(4 * header.label_names.len()))?),
        };
        let index = file(INDEX, count.checked_add(1).and_then(|count| count.checked_mul(8)))?;
        let digests = file(DIGESTS, times(DIGEST))?;
        let names = Map::open(&path.join(NAMES))?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.into(),
                header,
                levels,
                labels,
                names,
                index,
                digests,
            }),
        })
    }

    /// What `set.json` says.
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The set's folder.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The set as a data set of pictures of one stored size, with the smaller levels below it;
    /// `None` if it stores no such size or has other channels.
    pub fn at(&self, resolution: (usize, usize), channels: usize) -> Option<NativeSet> {
        let top = self.header().levels.iter().position(|&size| size == resolution)?;
        (self.header().channels == channels).then(|| NativeSet::new(self.clone(), top))
    }

    /// The pixels of a picture at a level, channel by channel.
    pub fn pixels(&self, index: usize, level: usize) -> Option<&[u8]> {
        let (height, width) = *self.header().levels.get(level)?;
        let size = self.header().channels * height * width;
        let start = index.checked_mul(size)?;
        self.inner.levels.get(level)?.bytes().get(start..start.checked_add(size)?)
    }

    pub(crate) fn image(&self, index: usize, level: usize) -> Option<Image> {
        let (height, width) = *self.header().levels.get(level)?;
        let data = self.pixels(index, level)?.to_vec();
        Some(Image { width, height, channels: self.header().channels, data })
    }

    /// A picture's name.
    pub fn name(&self, index: usize) -> String {
        let at = |index: usize| {
            let bytes = self.inner.index.bytes().get(index * 8..)?.first_chunk()?;
            usize::try_from(u64::from_le_bytes(*bytes)).ok()
        };
        let name = at(index)
            .zip(at(index + 1))
            .and_then(|(start, end)| self.inner.names.bytes().get(start..end));
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    /// A picture's label as it is stored: a class number or a vector.
    fn label_bytes(&self, index: usize) -> &[u8] {
        let size = self.header().label_bytes();
        let bytes = self.inner.labels.as_ref().map_or(&[][..], Map::bytes);
        bytes.get(index * size..(index + 1) * size).unwrap_or_default()
    }

    /// A picture's label: as many values as the header has names.
    pub fn label(&self, index: usize) -> Vec<f32> {
        let bytes = self.label_bytes(index).as_chunks::<4>().0;
        match self.header().labels {
            LabelKind::None => Vec::new(),
            LabelKind::Vectors => bytes.iter().map(|&value| f32::from_le_bytes(value)).collect(),
            LabelKind::Classes => {
                let mut label = vec![0.0; self.header().label_names.len()];
                let class = bytes.first().map(|&class| u32::from_le_bytes(class) as usize);
                if let Some(value) = class.and_then(|class| label.get_mut(class)) {
                    *value = 1.0;
                }
                label
            }
        }
    }

    /// All labels, read into memory.
    pub fn labels(&self) -> Labels {
        let bytes = self.inner.labels.as_ref().map_or(&[][..], Map::bytes).as_chunks::<4>().0;
        let names = self.header().label_names.clone();
        match self.header().labels {
            LabelKind::None => Labels::none(),
            LabelKind::Classes => {
                let most = names.len().saturating_sub(1) as u32;
                let number = |&class: &[u8; 4]| u32::from_le_bytes(class).min(most);
                Labels::classes(names, bytes.iter().map(number).collect())
            }
            LabelKind::Vectors => Labels::vectors(
                names,
                bytes.iter().map(|&value| f32::from_le_bytes(value)).collect(),
            ),
        }
    }

    /// The digest that is stored for a picture.
    fn stored_digest(&self, index: usize) -> &[u8] {
        self.inner.digests.bytes().get(index * DIGEST..(index + 1) * DIGEST).unwrap_or_default()
    }

    /// The digest of a picture as it is now.
    fn digest(&self, index: usize) -> [u8; DIGEST] {
        let levels = (0..self.header().levels.len())
            .map(|level| self.pixels(index, level).unwrap_or_default());
        digest(levels, self.label_bytes(index), &self.name(index))
    }
}

/// The digest of a picture: all its levels, its label as it is stored, and its name.
pub(crate) fn digest<'a>(
    levels: impl Iterator<Item = &'a [u8]>,
    label: &[u8],
    name: &str,
) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    levels.for_each(|level| hash.update(level));
    hash.update(label);
    hash.update(name.as_bytes());
    hash.finalize().into()
}
