//! What is counted differently in StyleGAN2's networks.

use stylegan::{Architecture, LabelHead};

use super::shapes::Shapes;

/// Dense layers between a label and the direction that the discriminator projects on.
const LABEL_LAYERS: usize = 8;

impl Shapes {
    /// Trained scalars of the synthesis network.
    pub(super) fn stylegan2_synthesis_parameters(&self, architecture: Architecture) -> usize {
        let s = &self.generator.synthesis;
        // Weight, style, bias, strength of the noise.
        let layer = |inputs: usize, outputs: usize| {
            9 * inputs * outputs + (s.w_dim + 1) * inputs + outputs + usize::from(s.use_noise)
        };
        let mut sum = self.maps(0) * self.pixels(0);
        for block in 0..self.blocks() {
            let maps = self.maps(block);
            sum += layer(maps, maps);
            if block > 0 {
                let below = self.maps(block - 1);
                sum += layer(below, maps);
                sum += if architecture == Architecture::Resnet { below * maps } else { 0 };
            }
            if architecture == Architecture::Skip || block + 1 == self.blocks() {
                sum += (maps + 1) * s.channels + (s.w_dim + 1) * maps;
            }
        }
        sum
    }

    /// Trained scalars of the discriminator.
    pub(super) fn stylegan2_discriminator_parameters(&self, architecture: Architecture) -> usize {
        let (d, first) = (&self.discriminator, self.maps(0));
        let (mapping, outputs) = match d.label_dim {
            0 => (0, 1),
            dim if d.label_head == LabelHead::Projection => ((dim + 1) * first, 1 + first),
            dim => ((dim + 1) * first + LABEL_LAYERS * (first + 1) * first, first),
        };
        let mut sum = mapping + (9 * (first + self.extra()) + 1) * first;
        sum += (first * self.pixels(0) + 1) * first + (first + 1) * outputs;
        for block in 0..self.blocks() {
            let maps = self.maps(block);
            if architecture == Architecture::Skip || block + 1 == self.blocks() {
                sum += (d.channels + 1) * maps;
            }
            if block > 0 {
                let below = self.maps(block - 1);
                sum += (9 * maps + 1) * maps + (9 * maps + 1) * below;
                sum += if architecture == Architecture::Resnet { maps * below } else { 0 };
            }
        }
        sum
    }
}
