//! Other people's checkpoints: recognised by content, converted to this project's models, and written back.
//!
//! A file is opened by [`stylegan_checkpoint::pickle`], which runs nothing. [`Contents::of`] tells its [`Dialect`] and its
//! networks without reading a number. [`Contents::convert`] makes a network native: its configuration comes from the
//! file's settings, or from the shapes where it has none, and each tensor by one declared table of names, with transposes,
//! flips and factors. Conversion is strict: what is missing, unexpected or of another shape is listed at once.
//!
//! ```no_run
//! use std::path::Path;
//! use stylegan_checkpoint::pickle::Document;
//! use stylegan_import::{Contents, Role};
//!
//! let document = Document::open(Path::new("karras2019stylegan-ffhq-1024x1024.pkl"))?;
//! let contents = Contents::of(&document)?;
//! let converted = contents.convert(contents.network(Role::Ema)?)?;
//! converted.save(Path::new("ffhq.safetensors"))?;
//! # Ok::<(), stylegan_import::ImportError>(())
//! ```

mod contents;
mod convert;
mod dialects;
mod error;
mod export;
mod features;
mod layout;
mod model;
mod pattern;
mod table;

#[cfg(test)]
mod tests;

pub use contents::{Contents, Dialect, Network, Role};
pub use convert::Converted;
pub use error::ImportError;
pub use export::{Format, Native};
pub use features::FeatureNetwork;
pub use model::Model;
