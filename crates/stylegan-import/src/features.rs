//! Networks that look at images: their parameters, in the names that their checkpoints use, which are kept.

use serde::{Deserialize, Serialize};
use stylegan::Shapes;
use stylegan_features::{INCEPTION_CONVOLUTIONS, VGG16_CONVOLUTIONS};

/// One of these networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FeatureNetwork {
    /// torchvision's VGG16: `features.{i}`, `classifier.{i}`.
    Vgg16,
    /// torchvision's AlexNet.
    AlexNet,
    /// torchvision's SqueezeNet 1.1.
    SqueezeNet,
    /// The Inception network of FID: `{block}.{branch}.conv.weight`, `.bn.*`, `fc.*`.
    FidInception,
    /// IR-SE50 for faces of 112x112: `input_layer.*`, `body.{i}.*`, `output_layer.*`.
    ArcFace,
    /// The encoder of pixel2style2pixel: `input_layer.*`, `body.{i}.*`, `styles.{i}.*`, `latlayer{1,2}.*`, and
    /// `latent_avg` `[styles, 512]` where codes are relative to it.
    PspEncoder {
        /// Styles that it gives (18 for 1024x1024).
        styles: usize,
        /// Channels of its input images.
        channels: usize,
        /// Whether codes are relative to an average.
        latent_avg: bool,
    },
}

/// Index, outputs, inputs, kernel of AlexNet's convolutions.
const ALEX_NET: [(usize, usize, usize, usize); 5] =
    [(0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3)];

/// Index, inputs, squeezed, expanded of SqueezeNet's fire modules.
const FIRE: [(usize, usize, usize, usize); 8] = [
    (3, 64, 16, 64),
    (4, 128, 16, 64),
    (6, 128, 32, 128),
    (7, 256, 32, 128),
    (9, 256, 48, 192),
    (10, 384, 48, 192),
    (11, 384, 64, 256),
    (12, 512, 64, 256),
];

/// Inputs, outputs and number of IR-SE50's groups of units.
const IR_SE50: [(usize, usize, usize); 4] =
    [(64, 64, 3), (64, 128, 4), (128, 256, 14), (256, 512, 3)];

/// Collects names and shapes.
#[derive(Default)]
struct Names(Shapes);

impl Names {
    fn add(&mut self, name: &str, what: &str, shape: &[usize]) {
        self.0.insert(format!("{name}.{what}"), shape.to_vec());
    }

    /// A weight, and a bias for its first axis.
    fn layer(&mut self, name: &str, shape: &[usize]) {
        self.add(name, "weight", shape);
        self.add(name, "bias", &shape[..1]);
    }

    /// Batch normalisation.
    fn norm(&mut self, name: &str, channels: usize) {
        for what in ["weight", "bias", "running_mean", "running_var"] {
            self.add(name, what, &[channels]);
        }
    }

    /// The trunk that ArcFace and the encoder share.
    fn ir_se50(&mut self, channels: usize) {
        self.add("input_layer.0", "weight", &[64, channels, 3, 3]);
        self.norm("input_layer.1", 64);
        self.add("input_layer.2", "weight", &[64]);
        let mut unit = 0;
        for (inputs, outputs, count) in IR_SE50 {
            for index in 0..count {
                let inputs = if index == 0 { inputs } else { outputs };
                self.unit(&format!("body.{unit}"), inputs, outputs);
                unit += 1;
            }
        }
    }

    fn unit(&mut self, name: &str, inputs: usize, outputs: usize) {
        if inputs != outputs {
            self.add(&format!("{name}.shortcut_layer.0"), "weight", &[outputs, inputs, 1, 1]);
            self.norm(&format!("{name}.shortcut_layer.1"), outputs);
        }
        let layer = |index: usize| format!("{name}.res_layer.{index}");
        self.norm(&layer(0), inputs);
        self.add(&layer(1), "weight", &[outputs, inputs, 3, 3]);
        self.add(&layer(2), "weight", &[outputs]);
        self.add(&layer(3), "weight", &[outputs, outputs, 3, 3]);
        self.norm(&layer(4), outputs);
        self.add(&layer(5), "fc1.weight", &[outputs / 16, outputs, 1, 1]);
        self.add(&layer(5), "fc2.weight", &[outputs, outputs / 16, 1, 1]);
    }
}

impl FeatureNetwork {
    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> Shapes {
        let mut names = Names::default();
        match self {
            Self::Vgg16 => {
                for (index, outputs, inputs) in VGG16_CONVOLUTIONS {
                    names.layer(&format!("features.{index}"), &[outputs, inputs, 3, 3]);
                }
                for (index, outputs, inputs) in [(0, 4096, 25088), (3, 4096, 4096), (6, 1000, 4096)]
                {
                    names.layer(&format!("classifier.{index}"), &[outputs, inputs]);
                }
            }
            Self::AlexNet => {
                for (index, outputs, inputs, kernel) in ALEX_NET {
                    names.layer(&format!("features.{index}"), &[outputs, inputs, kernel, kernel]);
                }
                for (index, outputs, inputs) in [(1, 4096, 9216), (4, 4096, 4096), (6, 1000, 4096)]
                {
                    names.layer(&format!("classifier.{index}"), &[outputs, inputs]);
                }
            }
            Self::SqueezeNet => {
                names.layer("features.0", &[64, 3, 3, 3]);
                for (index, inputs, squeezed, expanded) in FIRE {
                    let name = format!("features.{index}");
                    names.layer(&format!("{name}.squeeze"), &[squeezed, inputs, 1, 1]);
                    names.layer(&format!("{name}.expand1x1"), &[expanded, squeezed, 1, 1]);
                    names.layer(&format!("{name}.expand3x3"), &[expanded, squeezed, 3, 3]);
                }
                names.layer("classifier.1", &[1000, 512, 1, 1]);
            }
            Self::FidInception => {
                for (name, shape) in INCEPTION_CONVOLUTIONS {
                    names.add(name, "conv.weight", shape);
                    names.norm(&format!("{name}.bn"), shape[0]);
                }
                names.layer("fc", &[1008, 2048]);
            }
            Self::ArcFace => {
                names.ir_se50(3);
                names.norm("output_layer.0", 512);
                names.layer("output_layer.3", &[512, 512 * 7 * 7]);
                names.norm("output_layer.4", 512);
            }
            Self::PspEncoder { styles, channels, latent_avg } => {
                names.ir_se50(*channels);
                for style in 0..*styles {
                    // Three styles from maps of 16x16, four from 32x32, the others from 64x64.
                    let halvings = [4, 5, 6][usize::from(style >= 3) + usize::from(style >= 7)];
                    for index in 0..halvings {
                        let name = format!("styles.{style}.convs.{}", 2 * index);
                        names.layer(&name, &[512, 512, 3, 3]);
                    }
                    names.layer(&format!("styles.{style}.linear"), &[512, 512]);
                }
                names.layer("latlayer1", &[512, 256, 1, 1]);
                names.layer("latlayer2", &[512, 128, 1, 1]);
                if *latent_avg {
                    names.0.insert("latent_avg".to_owned(), vec![*styles, 512]);
                }
            }
        }
        names.0
    }

    /// What it is, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Vgg16 => "VGG16".to_owned(),
            Self::AlexNet => "AlexNet".to_owned(),
            Self::SqueezeNet => "SqueezeNet 1.1".to_owned(),
            Self::FidInception => "Inception network of FID".to_owned(),
            Self::ArcFace => "IR-SE50 (ArcFace)".to_owned(),
            Self::PspEncoder { styles, .. } => {
                format!("encoder of pixel2style2pixel, {styles} styles")
            }
        }
    }
}
