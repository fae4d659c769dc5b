//! What can go wrong with a data set.

use std::path::{Path, PathBuf};

/// An error that names the file, the value or the image it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing is at a path.
    #[error("no data set at {}: there is no such file or folder", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file's content is of no known kind.
    #[error("cannot take {} for a data set: {reason}", path.display())]
    UnknownFile {
        /// The file.
        path: PathBuf,
        /// What is there instead.
        reason: &'static str,
    },
    /// A file of a known kind is broken, or holds what it should not.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Something is where a set is to be written.
    #[error("{} is there already", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// Settings of a preparation that do not fit each other or the images.
    #[error("{reason}")]
    Settings {
        /// What does not fit.
        reason: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A long operation was stopped on request.
    #[error("stopped after {done} of {total} images")]
    Stopped {
        /// Images done.
        done: usize,
        /// Images in all.
        total: usize,
    },
    /// A set does not store a level of its pyramid.
    #[error("the data set stores {levels} levels of resolution, so there is no level {level}")]
    Level {
        /// The level asked for; 0 is full resolution.
        level: usize,
        /// How many there are.
        levels: usize,
    },
    /// A folder holds no image.
    #[error("no image in {} ({ignored} other files)", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// Files that are no images.
        ignored: usize,
    },
    /// All images of a source are bad.
    #[error(
        "none of the {count} images of {source_name} can be read; the first is {first}: {reason}"
    )]
    AllBad {
        /// The source.
        source_name: String,
        /// How many images were tried.
        count: usize,
        /// The first, in the order of names.
        first: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Some images are bad.
    #[error("{count} of {total} images cannot be read; the first is {first}: {reason}")]
    BadImages {
        /// How many are bad.
        count: usize,
        /// How many were tried.
        total: usize,
        /// The path of the first, in the order of names.
        first: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An image that was good when the data set was opened is so no more.
    #[error("cannot read image {name}: {reason}")]
    BadImage {
        /// The path of the image.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A class per sub-folder was asked for, and an image is in none.
    #[error("{count} images are in no sub-folder and so in no class; the first is {first}")]
    NoClass {
        /// How many.
        count: usize,
        /// The path of the first.
        first: String,
    },
    /// A specification like `faces:COUNT@RESOLUTION` does not read.
    #[error("cannot understand the data set \"{spec}\": {reason}")]
    Spec {
        /// The specification as given.
        spec: String,
        /// The part that does not fit.
        reason: String,
    },
    /// A side of the picture is out of range.
    #[error("a resolution of {height}x{width} is not possible: expected sides from {min} to {max}")]
    Resolution {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// The smallest side.
        min: usize,
        /// The largest side.
        max: usize,
    },
    /// A number of channels that no picture has.
    #[error(
        "pictures of {channels} channels are not possible: expected 1 (grey), 3 (RGB) or 4 (RGBA)"
    )]
    Channels {
        /// The number given.
        channels: usize,
    },
    /// A data set without pictures.
    #[error("a data set needs at least one picture")]
    NoImages,
    /// A picture's number is past the end.
    #[error("there is no picture {index}: the data set has {len}")]
    Index {
        /// The number asked for.
        index: usize,
        /// How many there are.
        len: usize,
    },
    /// A picture cannot be averaged by a factor.
    #[error("pictures of {height}x{width} cannot be averaged over blocks of {factor}x{factor}")]
    Downscale {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// The side of a block.
        factor: usize,
    },
    /// A thread that prepares pictures came to an unexpected end.
    #[error("a loader thread failed on picture {index}: {reason}")]
    Worker {
        /// The picture's number in the data set.
        index: usize,
        /// What is known of the reason.
        reason: String,
    },
}

impl DatasetError {
    pub(crate) fn format(path: &Path, reason: impl Into<String>, hint: &'static str) -> Self {
        Self::Format { path: path.into(), reason: reason.into(), hint }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }

    /// What to do about it, as one sentence, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotFound { .. } => {
                "give the path of a folder of images or of a set, or faces, faces:COUNT or faces:COUNT@RESOLUTION for the bundled faces"
            }
            Self::UnknownFile { .. } => {
                "what is read: prepared sets, folders and zip archives of images, TFRecords, LMDB, IDX (MNIST), CIFAR-10; a single image goes into a folder"
            }
            Self::Format { hint, .. } | Self::Settings { hint, .. } => hint,
            Self::Unreadable { .. } => "check that the file may be read and is whole",
            Self::Write { .. } => {
                "check that the folder may be written and the disk has room; the same command then continues where it was"
            }
            Self::Exists { .. } => "name another place, or remove what is there",
            Self::Stopped { .. } => "the same command continues where it was",
            Self::Empty { .. } => {
                "PNG, JPEG, WebP, BMP and GIF images are read, also from folders inside the folder"
            }
            Self::BadImages { .. } => "repair or remove them, or skip them with --skip-bad",
            Self::NoClass { .. } => "move every image into the sub-folder of its class",
            Self::Spec { .. } => {
                "examples: faces, faces:10000, faces:10000@64, or a path such as ./my-images"
            }
            Self::Resolution { .. } => "the presets use powers of two, such as 32, 64 or 256",
            Self::BadImage { .. } => "the file changed or vanished after the data set was opened",
            _ => return None,
        })
    }
}
