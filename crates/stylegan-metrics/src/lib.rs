//! How good generated images are: perceptual path length, linear separability, FID and their kin, each by a named protocol.
//!
//! Images come from an [`ImageSource`]: a generator, a folder, anyone's closure. Every measurement ends in a [`MetricResult`], which carries what a figure is worth nothing
//! without: protocol, number of samples, seed, the checksums of the networks that looked at the images, time, and a bootstrap confidence interval.
//!
//! | metric | function | looks with |
//! |---|---|---|
//! | perceptual path length | [`ppl`] | VGG16 under LPIPS |
//! | linear separability | [`separability`] | classifiers of attributes |
//! | Fréchet inception distance | [`frechet_distance`] of two [`Gaussian`]s | FID's Inception network |
//! | kernel inception distance | [`kernel_distance`], [`kernel_distance_of_subsets`] | the same |
//! | inception score | [`inception_score`] | the same |
//! | precision and recall | [`precision_recall`] | VGG16 |
//! | sliced Wasserstein distance | [`sliced_wasserstein`] | no network |
//! | how near generated faces are to the bundled ones | [`learning`] | the bundled faces' network |
//! | SSIM and MS-SSIM | [`ssim`], [`ms_ssim`] | no network |
//!
//! [`extract`] makes the [`Features`] of a source, batch by batch; with a cache it continues where an interrupted evaluation stopped, and never computes the
//! statistics of a data set twice. No more than a batch of images is ever in memory.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use stylegan_metrics::{Divisor, Features, Gaussian, frechet_distance};
//!
//! let features = |shift: f64| -> Result<Features, stylegan_metrics::MetricError> {
//!     let rows = Tensor::new(&[[-1f32, 0.], [1., 0.], [0., -1.], [0., 1.]], &Device::Cpu)?;
//!     Features::from_tensor(&rows.affine(1.0, shift)?)
//! };
//! let a = Gaussian::of(&features(0.0)?, Divisor::Unbiased)?;
//! let b = Gaussian::of(&features(0.5)?, Divisor::Unbiased)?;
//! // The covariances are the same, and the means are sqrt(0.5) apart.
//! assert!((frechet_distance(&a, &b)?.value() - 0.5).abs() < 1e-9);
//! # Ok::<(), stylegan_metrics::MetricError>(())
//! ```

pub mod bootstrap;
mod cache;
mod compared;
mod error;
mod extract;
mod features;
mod frechet;
mod image_source;
mod inception_score;
mod kid;
pub mod learning;
pub mod ppl;
mod precision_recall;
mod report;
pub mod separability;
mod ssim;
mod swd;
mod symmetric;
#[cfg(test)]
mod tests;
mod watch;

pub use bootstrap::Interval;
pub use cache::{BlockCache, NoCache};
pub use compared::Compared;
pub use error::MetricError;
pub use extract::{
    Extraction, Extractor, InceptionExtractor, Vgg16Extractor, extract, network_id, quantised,
};
pub use features::Features;
pub use frechet::{Divisor, Frechet, Gaussian, frechet_distance, frechet_interval, trace_of_root};
pub use image_source::{FromFn, ImageSource, batches, check_images};
pub use inception_score::{InceptionScore, inception_score};
pub use kid::{KernelDistance, kernel_distance, kernel_distance_of_subsets};
pub use precision_recall::{PrecisionRecall, precision_recall};
pub use report::{MetricResult, NetworkId, table};
pub use ssim::{ms_ssim, ssim};
pub use swd::{LevelDistance, sliced_wasserstein, sliced_wasserstein_limit};
pub use watch::{Silent, Watch};
