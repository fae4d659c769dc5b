//! How good generated images are: perceptual path length, linear separability, FID and their kin, each by a named protocol.
//!
//! Images come from an [`ImageSource`]: a generator, a folder, anyone's closure. Every measurement ends in a
//! [`MetricResult`], which carries what a figure is worth nothing without: protocol, number of samples, seed, the checksums of the
//! networks that looked at the images, time, and a bootstrap confidence interval.

pub mod bootstrap;
mod cache;
mod error;
mod image_source;
pub mod ppl;
mod report;
pub mod separability;
mod watch;

pub use bootstrap::Interval;
pub use cache::{BlockCache, NoCache};
pub use error::MetricError;
pub use image_source::{FromFn, ImageSource, batches, check_images};
pub use report::{MetricResult, NetworkId, table};
pub use watch::{Silent, Watch};
