#![doc = include_str!("../README.md")]

mod cache;
pub mod collection;
mod dataset;
mod downscale;
mod error;
pub mod faces;
pub mod loader;
pub mod look;
pub mod native;
mod open;
pub mod picture;
pub mod prepare;
mod random;
pub mod source;

pub use collection::{Collection, CollectionOptions, CollectionReport};
pub use dataset::{Dataset, Image, Progress, Sample, silent};
pub use downscale::box_downscale;
pub use error::DatasetError;
pub use faces::{Attribute, Attributes, Face, Faces, FacesConfig};
pub use loader::{Batch, Loader, LoaderConfig, Share};
pub use native::{Native, NativeSet};
pub use open::{OpenOptions, open};
pub use picture::{Crop, Filter, Pixels};
pub use prepare::{PrepareOptions, prepare};
pub use source::{Labels, Raw, Source, SourceOptions, open_source};
