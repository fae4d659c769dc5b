//! `set.json`: what is in a prepared set.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::HINT;
use crate::error::DatasetError;
use crate::source::MAX_CLASSES;
use crate::source::bytes::whole_unpacked;

/// What makes a `set.json` one of ours.
pub(crate) const FORMAT: &str = "stylegan-set";

/// Goes up when older programs cannot read newer sets.
pub(crate) const VERSION: u32 = 1;

/// The most bytes of a `set.json`: it holds label names and little else.
const MAX_BYTES: u64 = 64 << 20;

/// The longest side of a picture.
const MAX_SIDE: usize = 8192;

/// What labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// There are none.
    None,
    /// One of several classes.
    Classes,
    /// Any numbers.
    Vectors,
}

/// What a prepared set holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always `stylegan-set`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// How many pictures.
    pub images: usize,
    /// 1, 3 or 4.
    pub channels: usize,
    /// Height and width of each level, full resolution first; each half of the one before.
    pub levels: Vec<(usize, usize)>,
    /// What labels are.
    pub labels: LabelKind,
    /// What each value of a label (each class) stands for.
    pub label_names: Vec<String>,
    /// SHA-256 over `digests`, in hexadecimal: equal if and only if all pictures, labels and names
    /// are.
    pub content: String,
    /// Where the pictures came from.
    pub source: String,
    /// How they were prepared, for people.
    pub prepared: String,
}

impl Header {
    /// Height and width of the largest level.
    pub fn resolution(&self) -> (usize, usize) {
        self.levels.first().copied().unwrap_or_default()
    }

    /// Bytes of a stored label.
    pub(crate) fn label_bytes(&self) -> usize {
        match self.labels {
            LabelKind::None => 0,
            LabelKind::Classes => 4,
            LabelKind::Vectors => 4 * self.label_names.len(),
        }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, DatasetError> {
        let broken = |reason: String| DatasetError::format(path, reason, HINT);
        let header: Self = serde_json::from_slice(&whole_unpacked(path, MAX_BYTES)?)
            .map_err(|error| broken(error.to_string()))?;
        if header.format != FORMAT {
            return Err(broken(format!("its format is {:?}, expected {FORMAT:?}", header.format)));
        }
        if header.version != VERSION {
            let found = header.version;
            return Err(broken(format!("it has version {found}, this program reads {VERSION}")));
        }
        let sides = 1..=MAX_SIDE;
        let possible = |&(h, w): &(usize, usize)| sides.contains(&h) && sides.contains(&w);
        let halves = |pair: &[(usize, usize)]| pair[0] == (2 * pair[1].0, 2 * pair[1].1);
        if header.levels.is_empty()
            || !header.levels.iter().all(possible)
            || !header.levels.windows(2).all(halves)
        {
            return Err(broken(format!("its levels {:?} are not possible", header.levels)));
        }
        if header.images == 0 || !matches!(header.channels, 1 | 3 | 4) {
            let Self { images, channels, .. } = header;
            return Err(broken(format!("{images} images of {channels} channels are not possible")));
        }
        if header.label_names.len() > MAX_CLASSES {
            return Err(broken(format!("it has more than {MAX_CLASSES} label names")));
        }
        Ok(header)
    }
}
