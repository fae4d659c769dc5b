//! What can go wrong with a data set.

use std::path::PathBuf;

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
    /// A path names a file, and files are no data sets here.
    #[error("{} is a file: expected a folder of images", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// A folder holds no image.
    #[error("no image in {} or the folders in it ({ignored} other files)", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
        /// Files that are no images.
        ignored: usize,
    },
    /// All images of a folder are bad.
    #[error("none of the {count} images in {} can be read; the first is {first}: {reason}", path.display())]
    AllBad {
        /// The folder.
        path: PathBuf,
        /// How many images were tried.
        count: usize,
        /// The first, in the order of names.
        first: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Some images of a folder are bad.
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
    /// What to do about it, as one sentence, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotFound { .. } => {
                "give the path of a folder of images, or faces, faces:COUNT or faces:COUNT@RESOLUTION for the bundled faces"
            }
            Self::NotAFolder { .. } => "put the images into a folder and give its path",
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
