//! Training of pixel2style2pixel encoders (Richardson et al. 2021) against any generator of this project.
//!
//! * [`PspConfig`]: one run, with [`PspConfig::for_decoder`] as the place to begin;
//! * [`PspModel`]: an encoder and its decoder in one file, from images to codes and back to images;
//! * [`PspTraining`]: the loop, with snapshots from which it goes on bit for bit on the CPU;
//! * [`ClassMaps`]: maps of classes beside images, for segmentation.

mod begin;
mod classes;
mod config;
mod error;
mod events;
mod measure;
mod model;
mod optimizer;
mod pictures;
mod self_taught;
mod snapshot;
mod subset;
mod training;

pub use classes::ClassMaps;
pub use config::{Networks, OptimizerKind, PspConfig};
pub use error::PspTrainError;
pub use events::{PspEvent, PspFinished, PspObserver, PspProgress};
pub use model::{DECODER_PREFIX, ENCODER_PREFIX, PspModel, load_identity, read_identity};
pub use subset::Subset;
pub use training::{Judge, PspData, PspTraining};
