//! LPIPS, the learned perceptual metric (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"), version 0.1.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use stylegan_ops::normalized_distance;

use crate::weights::Shapes;
use crate::{FeatureError, Weights, alexnet, input, squeezenet, vgg16};

/// What LPIPS subtracts from images in [-1, 1], and divides them by.
const SHIFT: [f64; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f64; 3] = [0.458, 0.448, 0.450];

/// The network under LPIPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backbone {
    /// VGG16: what perceptual path length and projections use.
    Vgg16,
    /// AlexNet: the authors' choice as a metric, and pixel2style2pixel's loss.
    AlexNet,
    /// SqueezeNet 1.1: the smallest.
    SqueezeNet,
}

impl Backbone {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vgg16, Self::AlexNet, Self::SqueezeNet];

    /// Its name: `vgg16`, `alexnet`, `squeezenet`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::AlexNet => "alexnet",
            Self::SqueezeNet => "squeezenet",
        }
    }

    /// Names and shapes of the convolutions, as torchvision has them.
    pub fn shapes(self) -> Shapes {
        match self {
            Self::Vgg16 => vgg16::Trunk::shapes(),
            Self::AlexNet => alexnet::Trunk::shapes(),
            Self::SqueezeNet => squeezenet::Trunk::shapes(),
        }
    }

    /// The linear layers of LPIPS v0.1, which are part of this crate (BSD-2-Clause, see `heads/LICENSE-LPIPS`).
    fn heads(self) -> &'static [u8] {
        match self {
            Self::Vgg16 => include_bytes!("../heads/vgg.safetensors"),
            Self::AlexNet => include_bytes!("../heads/alex.safetensors"),
            Self::SqueezeNet => include_bytes!("../heads/squeeze.safetensors"),
        }
    }
}

#[derive(Debug, Clone)]
enum Trunk {
    Vgg16(vgg16::Trunk),
    AlexNet(alexnet::Trunk),
    SqueezeNet(squeezenet::Trunk),
}

/// The metric. Differentiable with respect to the images.
#[derive(Debug, Clone)]
pub struct Lpips {
    backbone: Backbone,
    device: Device,
    trunk: Trunk,
    /// A weight per channel of each tap.
    heads: Vec<Tensor>,
}

/// What the network saw in images: to be compared again and again.
#[derive(Debug, Clone)]
pub struct LpipsFeatures {
    taps: Vec<Tensor>,
}

impl Lpips {
    /// Takes the convolutions of a network (`features.{i}`, as torchvision's files and this project's have them, or `net.slice{k}.{i}` as the authors' package
    /// has them) and the linear layers of version 0.1. The network's dense layers may be there too.
    ///
    /// # Errors
    /// [`FeatureError::Mismatch`] with everything that is missing, unexpected or of another shape.
    pub fn new(backbone: Backbone, weights: &Weights) -> Result<Self, FeatureError> {
        let weights = torchvision_names(weights);
        weights.require(backbone.name(), &backbone.shapes(), |name| {
            ["classifier.", "lin", "scaling_layer."].iter().any(|start| name.starts_with(start))
        })?;
        let trunk = match backbone {
            Backbone::Vgg16 => Trunk::Vgg16(vgg16::Trunk::new(&weights)?),
            Backbone::AlexNet => Trunk::AlexNet(alexnet::Trunk::new(&weights)?),
            Backbone::SqueezeNet => Trunk::SqueezeNet(squeezenet::Trunk::new(&weights)?),
        };
        let heads = candle_core::safetensors::load_buffer(backbone.heads(), &weights.device())?;
        let heads: BTreeMap<String, Tensor> = heads.into_iter().collect();
        let heads = heads.into_values().map(|head| head.flatten_all()).collect::<Result<_, _>>()?;
        Ok(Self { backbone, device: weights.device(), trunk, heads })
    }

    /// The metric with a network of fixed random weights: the protocol without its meaning.
    ///
    /// # Errors
    /// If a tensor cannot be made.
    pub fn random(backbone: Backbone, seed: u64) -> Result<Self, FeatureError> {
        Self::new(backbone, &Weights::random(&backbone.shapes(), seed)?)
    }

    /// The same network with all channels alike, as if nothing had been learned about them: a plain distance of features
    /// (equation 1 with every weight 1, which makes each position's term two minus twice a cosine).
    ///
    /// # Errors
    /// If a tensor cannot be made.
    pub fn unweighted(mut self) -> Result<Self, FeatureError> {
        self.heads = self.heads.iter().map(Tensor::ones_like).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// Two batches of images [N, 3, H, W] in [-1, 1] -> their distances `[N]`.
    ///
    /// # Errors
    /// [`FeatureError::Input`] if the shapes differ, or the images are too small for the network.
    pub fn distance(&self, a: &Tensor, b: &Tensor) -> Result<Tensor, FeatureError> {
        if a.dims() != b.dims() {
            return Err(FeatureError::Input {
                network: self.backbone.name(),
                expected: format!("two batches of images alike, the first {:?}", a.dims()),
                found: b.dims().to_vec(),
            });
        }
        self.between(&self.features(a)?, &self.features(b)?)
    }

    /// What the network sees in images [N, 3, H, W] in [-1, 1].
    ///
    /// # Errors
    /// [`FeatureError::Input`] if they are no images, or too small for the network.
    pub fn features(&self, images: &Tensor) -> Result<LpipsFeatures, FeatureError> {
        input(self.backbone.name(), images, None)?;
        let images = crate::normalise(&images.to_device(&self.device)?, SHIFT, SCALE)?;
        let taps = match &self.trunk {
            Trunk::Vgg16(trunk) => trunk.taps(&images),
            Trunk::AlexNet(trunk) => trunk.taps(&images),
            Trunk::SqueezeNet(trunk) => trunk.taps(&images),
        }?;
        Ok(LpipsFeatures { taps })
    }

    /// Distances `[N]` of images from what was seen in as many others.
    ///
    /// # Errors
    /// If the two are of different sizes.
    pub fn between(&self, a: &LpipsFeatures, b: &LpipsFeatures) -> Result<Tensor, FeatureError> {
        let mut sum: Option<Tensor> = None;
        for ((a, b), head) in a.taps.iter().zip(&b.taps).zip(&self.heads) {
            let distance = normalized_distance(a, b, head)?;
            sum = Some(match sum {
                Some(sum) => (sum + distance)?,
                None => distance,
            });
        }
        sum.ok_or_else(|| FeatureError::Input {
            network: self.backbone.name(),
            expected: "features of this network".to_owned(),
            found: Vec::new(),
        })
    }
}

impl LpipsFeatures {
    /// Without a way back to the images: for targets, which stay.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { taps: self.taps.iter().map(Tensor::detach).collect() }
    }
}

/// Names of the authors' package as torchvision's.
fn torchvision_names(weights: &Weights) -> Weights {
    let renamed = |name: &str| -> Option<String> {
        let (_, rest) = name.strip_prefix("net.slice")?.split_once('.')?;
        Some(format!("features.{rest}"))
    };
    let tensors = weights.tensors.iter();
    let tensors = tensors
        .map(|(name, tensor)| (renamed(name).unwrap_or_else(|| name.clone()), tensor.clone()))
        .collect();
    Weights { tensors, ..weights.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unweighted_positions_differ_by_two_minus_twice_a_cosine() -> Result<(), FeatureError> {
        let lpips = Lpips::random(Backbone::SqueezeNet, 0)?.unweighted()?;
        let tap = |values: &[f32]| -> Result<LpipsFeatures, FeatureError> {
            let channels = values.len() / 2;
            let tensor = Tensor::from_slice(values, (1, channels, 1, 2), &Device::Cpu)?;
            Ok(LpipsFeatures { taps: vec![tensor] })
        };
        // 64 channels; at the first position orthogonal features of any length, at the second equal ones.
        let (mut a, mut b) = (vec![0f32; 128], vec![0f32; 128]);
        (a[0], b[2]) = (3.0, 0.5);
        (a[1], b[1]) = (1.0, 2.0);
        let distance = lpips.between(&tap(&a)?, &tap(&b)?)?.to_vec1::<f32>()?;
        assert!((distance[0] - 1.0).abs() < 1e-5, "{distance:?}");
        Ok(())
    }
}
