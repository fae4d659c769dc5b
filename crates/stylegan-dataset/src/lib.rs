#![doc = include_str!("../README.md")]

mod cache;
mod dataset;
mod downscale;
mod error;
pub mod faces;
pub mod folder;
pub mod loader;
mod open;
mod random;

pub use dataset::{Dataset, Image, Progress, Sample, silent};
pub use downscale::box_downscale;
pub use error::DatasetError;
pub use faces::{Attribute, Attributes, Face, Faces, FacesConfig};
pub use folder::{Filter, Folder, FolderOptions, FolderReport};
pub use loader::{Batch, Loader, LoaderConfig};
pub use open::{OpenOptions, open};
