//! A small network that tells the attributes of the bundled faces, and whose features their likeness is measured with.
//!
//! It knows these faces and nothing else, so that its figures compare with each other only. In exchange it is part of the crate, looks at thousands of images a
//! second, and sees what a face has or has not: at 32x32, nine hundred and ninety-four of a thousand labels of faces that it was not trained on.

use std::fmt::Write as _;

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};
use stylegan_ops::{Window, avg_pool2d};

use crate::layer::{Conv, Dense, add};
use crate::weights::Shapes;
use crate::{FeatureError, Weights};

/// Outputs and inputs of the 3x3 convolutions `features.{index}`.
const CONVOLUTIONS: [(usize, usize); 4] = [(32, 3), (64, 32), (128, 64), (128, 128)];

const NAME: &str = "the bundled faces' network";

/// Trained by another program on the bundled faces; the file's metadata say how.
const BUNDLED: &[u8] = include_bytes!("../weights/faces-attributes.safetensors");

/// The network: four convolutions, each with a ReLU and a mean over 2x2, and a linear layer. Differentiable with respect to the images.
#[derive(Debug, Clone)]
pub struct FaceAttributes {
    device: Device,
    convolutions: Vec<Conv>,
    attributes: Dense,
}

impl FaceAttributes {
    /// Numbers of a feature vector: the last 128 maps, 2x2.
    pub const DIMS: usize = 512;

    /// Side of the images that it looks at; larger ones are reduced.
    pub const SIDE: usize = 32;

    /// The attributes, in the order of the logits and of the bundled faces' labels.
    pub const LABELS: [&'static str; 18] = [
        "glasses",
        "sunglasses",
        "smiling",
        "mouth_open",
        "beard",
        "moustache",
        "hat",
        "earrings",
        "long_hair",
        "curly_hair",
        "bald",
        "blond_hair",
        "dark_skin",
        "round_head",
        "tilted_left",
        "tilted_right",
        "rosy_cheeks",
        "thick_brows",
    ];

    /// Names and shapes of all tensors.
    pub fn shapes() -> Shapes {
        let mut shapes = Shapes::new();
        for (index, (outputs, inputs)) in CONVOLUTIONS.into_iter().enumerate() {
            add(&mut shapes, &format!("features.{index}"), &[outputs, inputs, 3, 3]);
        }
        add(&mut shapes, "attributes", &[Self::LABELS.len(), Self::DIMS]);
        shapes
    }

    /// The weights that are part of this crate, in main memory.
    ///
    /// # Errors
    /// None in practice.
    pub fn bundled() -> Result<Weights, FeatureError> {
        let tensors = candle_core::safetensors::load_buffer(BUNDLED, &Device::Cpu)?
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?)))
            .collect::<Result<_, FeatureError>>()?;
        let mut checksum = String::with_capacity(64);
        for byte in Sha256::digest(BUNDLED) {
            let _ = write!(checksum, "{byte:02x}");
        }
        Ok(Weights { tensors, origin: "the crate's own file".to_owned(), checksum, random: None })
    }

    /// Takes all tensors of [`Self::shapes`].
    ///
    /// # Errors
    /// [`FeatureError::Mismatch`] with everything that is missing, unexpected or of another shape.
    pub fn new(weights: &Weights) -> Result<Self, FeatureError> {
        weights.require(NAME, &Self::shapes(), |_| false)?;
        let convolutions = CONVOLUTIONS
            .into_iter()
            .enumerate()
            .map(|(index, (outputs, inputs))| {
                let name = format!("features.{index}");
                Conv::new(weights, NAME, &name, [outputs, inputs, 3], (1, 1))
            })
            .collect::<Result<_, _>>()?;
        let attributes = Dense::new(weights, NAME, "attributes", [Self::LABELS.len(), Self::DIMS])?;
        Ok(Self { device: weights.device(), convolutions, attributes })
    }

    /// Images [N, 3, H, W] in [-1, 1], square and of 32, 64, 128 and so on, reduced to 32x32 by means -> features [N, 512].
    ///
    /// # Errors
    /// [`FeatureError::Input`] for images of other shapes.
    pub fn features(&self, images: &Tensor) -> Result<Tensor, FeatureError> {
        let factor = match *images.dims() {
            [_, 3, h, w] if h == w && h >= Self::SIDE && h.is_power_of_two() => h / Self::SIDE,
            _ => {
                let expected = "colour images [N, 3, S, S] of S = 32, 64, 128 or so on".to_owned();
                let found = images.dims().to_vec();
                return Err(FeatureError::Input { network: NAME, expected, found });
            }
        };
        let mut x = images.to_device(&self.device)?;
        if factor > 1 {
            x = avg_pool2d(&x, Window::new(factor, factor))?;
        }
        for convolution in &self.convolutions {
            x = avg_pool2d(&convolution.forward(&x)?, Window::new(2, 2))?;
        }
        Ok(x.flatten_from(1)?)
    }

    /// Features [N, 512] -> a logit an attribute [N, 18]: above 0 where the face has it.
    ///
    /// # Errors
    /// If the features are not [N, 512].
    pub fn logits(&self, features: &Tensor) -> Result<Tensor, FeatureError> {
        Ok(self.attributes.forward(&features.to_device(&self.device)?, false)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn network() -> FaceAttributes {
        FaceAttributes::new(&FaceAttributes::bundled().unwrap()).unwrap()
    }

    fn images(shape: (usize, usize, usize, usize)) -> Tensor {
        let stream = stylegan_ops::random::Stream::new(3, 0, 0);
        stream.uniform(shape, &Device::Cpu).unwrap().affine(2.0, -1.0).unwrap()
    }

    #[test]
    fn the_file_says_what_it_is() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/faces-attributes.safetensors");
        let file = stylegan_checkpoint::load(&path).unwrap();
        let labels: Vec<_> = file.metadata["labels"].split(' ').collect();
        assert_eq!(labels, FaceAttributes::LABELS);
        let accuracy: f64 = file.metadata["held_out_accuracy_mean"].parse().unwrap();
        assert!(accuracy > 0.99);
        for said in ["what", "training", "held_out", "images"] {
            assert!(!file.metadata[said].is_empty(), "{said}");
        }
        assert!(file.tensors.values().all(|tensor| tensor.dtype() == DType::F16));
        let bundled = FaceAttributes::bundled().unwrap();
        assert_eq!(bundled.checksum, crate::sha256(&path).unwrap());
    }

    #[test]
    fn larger_images_are_reduced_by_means() {
        let (network, small) = (network(), images((2, 3, 32, 32)));
        let features = network.features(&small).unwrap();
        assert_eq!(features.dims(), [2, FaceAttributes::DIMS]);
        assert_eq!(network.logits(&features).unwrap().dims(), [2, 18]);
        let large = small.upsample_nearest2d(128, 128).unwrap();
        let of_large = network.features(&large).unwrap();
        let difference = (features - of_large).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-4);
    }

    #[test]
    fn other_shapes_are_refused_by_name() {
        for shape in
            [(1, 1, 32, 32), (1, 3, 16, 16), (1, 3, 48, 48), (1, 3, 64, 32), (1, 4, 32, 32)]
        {
            let said = network().features(&images(shape)).unwrap_err().to_string();
            assert!(said.contains("bundled faces' network") && said.contains("32, 64"), "{said}");
        }
    }

    #[test]
    fn weights_of_another_network_are_refused() {
        let mut weights = FaceAttributes::bundled().unwrap();
        weights.tensors.remove("attributes.bias");
        let said = FaceAttributes::new(&weights).unwrap_err().to_string();
        assert!(said.contains("missing (1)") && said.contains("attributes.bias"), "{said}");
    }
}
