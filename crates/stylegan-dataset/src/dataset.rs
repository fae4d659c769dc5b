//! What every data set is.

use crate::error::DatasetError;

/// A picture of bytes, channel by channel: `[channels, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 (grey), 3 (RGB) or 4 (RGB and straight alpha), all sRGB.
    pub channels: usize,
    /// `channels * height * width` values from 0 to 255.
    pub data: Vec<u8>,
}

/// A picture and its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The picture.
    pub image: Image,
    /// As many values as the data set's [`Dataset::label_dim`].
    pub label: Vec<f32>,
}

/// Pictures of one size, by number.
///
/// A data set is shared by threads, and always gives the same sample for the same number.
pub trait Dataset: Send + Sync {
    /// How many pictures there are; at least one.
    fn len(&self) -> usize;

    /// Never true of an open data set.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height and width of every picture.
    fn resolution(&self) -> (usize, usize);

    /// Channels of every picture: 1, 3 or 4.
    fn channels(&self) -> usize;

    /// Length of a label; 0 without labels. Whether a network is told labels is for it to say.
    fn label_dim(&self) -> usize {
        0
    }

    /// What each value of a label stands for, [`Dataset::label_dim`] names.
    fn label_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// One sample.
    ///
    /// # Errors
    /// If the number is past the end, or if the picture cannot be read (any more).
    fn get(&self, index: usize) -> Result<Sample, DatasetError>;

    /// Levels of resolution that are stored: 1 for full resolution alone, 2 if half of it is stored
    /// too, and so on.
    fn levels(&self) -> usize {
        1
    }

    /// One sample at a level: 0 is full resolution, and each further level has half the sides.
    ///
    /// # Errors
    /// As [`Dataset::get`], and if the level is not stored.
    fn get_at(&self, index: usize, level: usize) -> Result<Sample, DatasetError> {
        if level == 0 {
            self.get(index)
        } else {
            Err(DatasetError::Level { level, levels: self.levels() })
        }
    }

    /// Turns a label into that of the mirrored picture. Most labels know no left and right.
    fn mirror_label(&self, _label: &mut [f32]) {}

    /// A short text that differs if any picture or label does.
    fn fingerprint(&self) -> String;

    /// One line for people: what it is, how many, what size.
    fn describe(&self) -> String;

    /// What a user should know before training on it, a sentence each.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// How far a long operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Images done.
    pub done: usize,
    /// Images in all.
    pub total: usize,
}

/// Ignores progress: for callers that show none.
pub fn silent(_: Progress) {}

pub(crate) fn check_channels(channels: usize) -> Result<(), DatasetError> {
    if matches!(channels, 1 | 3 | 4) { Ok(()) } else { Err(DatasetError::Channels { channels }) }
}

/// Sides that a picture may have.
const SIDES: std::ops::RangeInclusive<usize> = 4..=4096;

pub(crate) fn check_resolution((height, width): (usize, usize)) -> Result<(), DatasetError> {
    if SIDES.contains(&height) && SIDES.contains(&width) {
        return Ok(());
    }
    Err(DatasetError::Resolution { height, width, min: *SIDES.start(), max: *SIDES.end() })
}

pub(crate) fn check_index(index: usize, len: usize) -> Result<(), DatasetError> {
    if index < len { Ok(()) } else { Err(DatasetError::Index { index, len }) }
}
