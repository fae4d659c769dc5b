//! Feature networks with published weights: VGG16, AlexNet, SqueezeNet, Inception-v3, and LPIPS on them; and a small one for the bundled faces.
//!
//! A network is made of [`Weights`]: a safetensors file, or the file that its authors published, of which nothing is run. All are differentiable with respect
//! to the images, so that they serve as losses.
//!
//! | network | gives | weights |
//! |---|---|---|
//! | [`Lpips`] | distances of images `[N]` | torchvision's VGG16, AlexNet or SqueezeNet 1.1; the linear layers are part of the crate |
//! | [`Vgg16`] | features [N, 4096] | torchvision's VGG16 |
//! | [`Inception`] | features [N, 2048], class probabilities | `pt_inception-2015-12-05` |
//! | [`FaceAttributes`] | features [N, 512], logits of the bundled faces' attributes [N, 18] | part of the crate |
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use stylegan_features::{Backbone, Lpips};
//!
//! // With `Weights::load(path)` in place of random ones, this is the published metric.
//! let lpips = Lpips::random(Backbone::SqueezeNet, 0)?;
//! let a = Tensor::zeros((1, 3, 32, 32), candle_core::DType::F32, &Device::Cpu)?;
//! let b = a.affine(1.0, 0.5)?;
//! assert_eq!(lpips.distance(&a, &a)?.to_vec1::<f32>()?, [0.0]);
//! assert!(lpips.distance(&a, &b)?.to_vec1::<f32>()?[0] > 0.0);
//! # Ok::<(), stylegan_features::FeatureError>(())
//! ```

mod alexnet;
mod error;
mod faces;
mod images;
mod inception;
mod layer;
mod lpips;
mod squeezenet;
#[cfg(test)]
mod tests;
mod vgg16;
mod weights;

pub use error::FeatureError;
pub use faces::FaceAttributes;
pub use images::{Sampling, resize};
pub(crate) use images::{input, normalise};
pub use inception::{CONVOLUTIONS as INCEPTION_CONVOLUTIONS, Inception};
pub use lpips::{Backbone, Lpips, LpipsFeatures};
pub use vgg16::{CONVOLUTIONS as VGG16_CONVOLUTIONS, Vgg16};
pub use weights::{Shapes, Weights, sha256};
