//! Parameterised layers of the StyleGAN lineage, over [`stylegan_ops`] and candle's `VarBuilder`.
//!
//! * [`Parameters`]: an ordered, named store of trainable tensors and buffers;
//! * [`shapes_of`]: a network's parameters by name and shape, without making them;
//! * [`EqualizedLinear`], [`EqualizedConv2d`], [`UpConv2d`], [`DownConv2d`]: layers whose stored
//!   weights are raw and whose equalized learning rate is applied at run time;
//! * [`Activation`]: bias and leaky ReLU, as one operation with the convolution before them;
//! * [`ModulatedConv`], [`FilteredDownConv2d`]: those of StyleGAN2;
//! * [`Pullback`]: the vector-Jacobian product of a layer, itself made of tracked operations, so
//!   that losses may contain input gradients;
//! * [`Precision`], [`Clamp`]: which blocks of a network compute in 16 bits, and the limit that keeps them in range;
//! * [`Pyramid`], [`FeatureMaps`]: the arithmetic of resolutions, levels of detail and channels
//!   that generators and discriminators share.
//!
//! A layer knows no network.

mod activation;
mod clamp;
mod conv2d;
mod equalized;
mod linear;
mod modulated;
mod parameters;
mod precision;
mod pullback;
mod pyramid;
mod resampled;
mod shapes;

#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use clamp::Clamp;
pub use conv2d::{DownConv2d, EqualizedConv2d, UpConv2d};
pub use equalized::Equalized;
pub use linear::{Bias, EqualizedLinear};
pub use modulated::{ModulatedConv, ModulatedConvTape};
pub use parameters::{Parameters, is_buffer};
pub use precision::{FloatFormat, Precision, UnknownFormat};
pub use pullback::Pullback;
pub use pyramid::{Architecture, FeatureMaps, FusedScale, Pyramid, PyramidError, Structure};
pub use resampled::FilteredDownConv2d;
pub use shapes::{Shapes, parameter_count, shapes_of};

/// The slope of every leaky ReLU of the lineage.
pub const LEAKY_SLOPE: f64 = 0.2;

/// The epsilon of the official normalisations (pixel norm, instance norm).
pub const NORM_EPSILON: f64 = 1e-8;
