//! Perceptual path length (Karras et al. 2019, section 4.1): how much images change along a path between latents.
//!
//! [`path_length`] measures a [`PathGenerator`] with any distance of images. The settings of [`PplSettings`] follow a named
//! [`Protocol`]. The parts are public: [`slerp`], [`lerp`], [`crop_face`], [`filter`].

mod evaluate;
mod filter;
mod images;
mod interpolate;
mod protocol;
#[cfg(test)]
mod tests;

pub use evaluate::{PathGenerator, PplSettings, path_distances, path_length};
pub use filter::{Filtered, filter};
pub use images::{box_reduce, crop_face, prepare, reduction};
pub use interpolate::{lerp, slerp};
pub use protocol::{Protocol, Sampling, Space, UnknownWord};
