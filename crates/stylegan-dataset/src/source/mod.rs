//! Collections of pictures as people have them, recognised by their content.
//!
//! A [`Source`] gives what is stored: bytes of image files or pixels, names, labels. What a network
//! wants of it (one size, one number of channels) is made by a [`crate::Collection`] on the fly, or
//! once and for all by [`crate::prepare()`]. One file a format; every one of them reads bytes that
//! nobody vouches for, and answers with an error that names the file.

pub(crate) mod bytes;
mod cifar;
mod dataset_json;
mod faces;
mod folder;
mod idx;
mod label_file;
mod labels;
mod lmdb;
mod native;
mod recognise;
mod records;
mod scan;
mod zip;

use sha2::{Digest, Sha256};

pub use self::cifar::Cifar;
pub use self::folder::ImageFolder;
pub use self::zip::Zip;
pub use dataset_json::{JsonLabels, parse_labels};
pub use idx::Idx;
pub use label_file::read_label_file;
pub use labels::{Labels, MAX_CLASSES};
pub use lmdb::Lmdb;
pub use recognise::{SourceOptions, open_source};
pub use records::{Records, parse_example, parse_npy};
pub(crate) use records::{frame, write_example, write_npy};

use crate::dataset::Image;
use crate::native::Native;
use crate::picture::{Pixels, decode};

/// One picture as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// The bytes of an image file: PNG, JPEG, WebP, BMP or GIF.
    File(Vec<u8>),
    /// Pixels, channel by channel.
    Pixels(Image),
}

impl Raw {
    /// The picture with 1, 3 or 4 channels, or with as many as it has (2, grey with alpha, count
    /// as 4).
    ///
    /// # Errors
    /// What is wrong with it, for a person to read.
    pub fn decode(&self, channels: Option<usize>) -> Result<Pixels, String> {
        match self {
            Self::File(bytes) => decode::decode(bytes, channels),
            Self::Pixels(image) => {
                let pixels = Pixels::from_planes(image);
                Ok(pixels.with_channels(channels.unwrap_or(image.channels)))
            }
        }
    }

    /// A hash of what is stored.
    pub(crate) fn digest(&self) -> [u8; 32] {
        match self {
            Self::File(bytes) => Sha256::digest(bytes).into(),
            Self::Pixels(image) => {
                let mut hash = Sha256::new();
                for side in [image.channels, image.height, image.width] {
                    hash.update((side as u64).to_le_bytes());
                }
                hash.update(&image.data);
                hash.finalize().into()
            }
        }
    }
}

/// A collection of pictures of any sizes, by number.
pub trait Source: std::fmt::Debug + Send + Sync {
    /// The format's name and the place, such as `zip archive pictures.zip`.
    fn describe(&self) -> String;

    /// How many pictures there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A picture's name within the collection, with `/` between its parts.
    fn name(&self, index: usize) -> String;

    /// A picture as it is stored.
    ///
    /// # Errors
    /// What is wrong with it, for a person to read; the caller knows its name.
    fn read(&self, index: usize) -> Result<Raw, String>;

    /// The labels of all pictures.
    fn labels(&self) -> &Labels;

    /// Files that are no pictures.
    fn ignored(&self) -> usize {
        0
    }

    /// A text that differs if any picture or label does, where the source has one without reading
    /// every picture.
    fn fingerprint(&self) -> Option<String> {
        None
    }

    /// The prepared set behind the source, if it is one.
    fn as_native(&self) -> Option<&Native> {
        None
    }
}
