//! Differentiable augmentation for training with little data.
//!
//! A discriminator that sees few images learns them by heart. Here it sees only changed images, real and generated ones alike, and the generator
//! learns through the changes.
//!
//! * [`AdaPipeline`]: the transformations of Karras et al. 2020, "Training generative adversarial networks with limited data", each with the same
//!   probability p: pixel blitting, general geometric, colour;
//! * [`AdaHeuristic`] and [`AdaState`]: how p follows the discriminator's overfitting;
//! * [`DiffAugment`]: Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training".
//!
//! Either draws an [`Augmentation`] for a batch. It is an affine function of the images, and offers the function and its vector-Jacobian product,
//! both made of tracked operations: a loss may contain the gradient of a score with respect to images before they were augmented (R1), and is exact
//! in the second order. Draws follow from a [`Stream`](stylegan_ops::random::Stream) alone, and an image's does not depend on those beside it.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use stylegan_augment::AdaPipeline;
//! use stylegan_ops::random::Stream;
//!
//! let images = Tensor::zeros((4, 3, 16, 16), candle_core::DType::F32, &Device::Cpu)?;
//! let drawn = AdaPipeline::BGC.draw(0.6, images.dims4()?, Stream::new(1, 0, 0))?;
//! let augmented = drawn.forward(&images)?;
//! let gradient = drawn.vjp(&augmented)?;
//! assert_eq!(gradient.dims(), images.dims());
//! # Ok::<(), candle_core::Error>(())
//! ```

mod ada;
mod color;
mod diffaugment;
mod drawn;
mod heuristic;
mod matrix;

#[cfg(test)]
mod tests;

pub use ada::AdaPipeline;
pub use diffaugment::DiffAugment;
pub use drawn::Augmentation;
pub use heuristic::{AdaHeuristic, AdaState};
