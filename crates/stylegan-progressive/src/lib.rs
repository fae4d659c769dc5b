//! The schedule of progressive growing: from the number of real images that the discriminator has seen to the level of
//! detail, the resolution, the batch size and the learning rate.
//!
//! Plain arithmetic without tensors, after the official training loop (Karras et al., "Progressive Growing of GANs",
//! ICLR 2018, section 2, and "A Style-Based Generator Architecture for GANs", CVPR 2019, appendix C).
//!
//! # Levels of detail
//!
//! The networks are built of blocks whose resolutions double: 4, 8, 16 and so on. The level of detail (*lod*) counts
//! doublings from the full resolution down: 0 is the whole network, 1 leaves the last block out. Between two
//! integers the newest block is faded in; its weight is [`State::alpha`].
//!
//! ```text
//! kimg      0 ........ 600 ........ 1200 ....... 1800 ....... 2400
//! lod       2.0  train 2.0   fade   1.0   train  1.0   fade   0.0
//! ```
//!
//! The resolutions of this crate are names of blocks, `4 * 2^level`, which for square images is the height in pixels.
//! Non-square networks double a non-square base as often, so the same names, and the same schedule, serve them.
//!
//! ```
//! use stylegan_progressive::{Schedule, ScheduleConfig};
//!
//! let schedule = Schedule::new(ScheduleConfig::stylegan(1024, 8)?)?;
//! let state = schedule.at(900_000);
//! assert_eq!((state.lod, state.resolution, state.minibatch), (6.5, 16, 128));
//! assert_eq!(schedule.growing_kimg(), 8400.0);
//! # Ok::<(), stylegan_progressive::ScheduleError>(())
//! ```

mod by_resolution;
mod config;
mod error;
mod presets;
mod schedule;

pub use by_resolution::ByResolution;
pub use config::ScheduleConfig;
pub use error::ScheduleError;
pub use presets::{minibatch_for_gpus, pggan_learning_rate_for_gpus};
pub use schedule::{BASE_RESOLUTION, Schedule, State};
