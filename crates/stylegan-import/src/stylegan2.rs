//! The shapes of StyleGAN2's networks, as the importers write them: configurations, and the public names of parameters.
//!
//! Generator: `mapping.dense{i}.{weight,bias}`, `mapping.label.{weight,bias}` when conditional, `w_avg`,
//! `synthesis.b4.const` `[1, C, 4, 4]`, `synthesis.b{R}.conv{0,1}.{weight,bias}` (`b4` has `conv1` only) with
//! `noise.strength` `[1]`, `noise.const` `[1, 1, R, R]`, `style.weight` `[Ci, w_dim]` and `style.bias` `[Ci]` (stored with its 1
//! added, as `stylegan2-ada-pytorch` does), `synthesis.b{R}.to_rgb.{weight,bias,style.weight,style.bias}`,
//! `synthesis.b{R}.skip.weight` in residual networks. Upscaling convolutions are stored as `stylegan2-ada-pytorch` stores them, turned by
//! half a turn with respect to TensorFlow's.
//!
//! Discriminator: `b{R}.from_rgb.*`, `b{R}.conv{0,1}.*`, `b{R}.skip.weight`, `b4.conv.*`, `b4.dense{0,1}.*`.

use serde::{Deserialize, Serialize};
use stylegan::Shapes;

/// How images are carried along the resolutions (Karras et al. 2020, figure 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// One toRGB or fromRGB, no shortcut.
    Orig,
    /// A toRGB or fromRGB at each resolution, added up.
    Skip,
    /// Residual blocks.
    Resnet,
}

/// A StyleGAN2 generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleGan2Generator {
    /// Resolution, a power of two.
    pub resolution: usize,
    /// Image channels.
    pub channels: usize,
    /// Components of `z`.
    pub z_dim: usize,
    /// Components of `w`.
    pub w_dim: usize,
    /// Layers of the mapping network.
    pub mapping_layers: usize,
    /// Components of the label, 0 for none.
    pub label_dim: usize,
    /// `channel_base / resolution` feature maps a block,
    pub channel_base: usize,
    /// but no more than these.
    pub channel_max: usize,
    /// How images are carried along.
    pub architecture: Architecture,
}

/// A StyleGAN2 discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleGan2Discriminator {
    /// Resolution, a power of two.
    pub resolution: usize,
    /// Image channels.
    pub channels: usize,
    /// `channel_base / resolution` feature maps a block,
    pub channel_base: usize,
    /// but no more than these.
    pub channel_max: usize,
    /// How images are carried along.
    pub architecture: Architecture,
    /// Group size of the minibatch standard deviation.
    pub mbstd_group_size: usize,
}

fn maps(base: usize, max: usize, resolution: usize) -> usize {
    (base / resolution).min(max)
}

fn resolutions(highest: usize) -> impl DoubleEndedIterator<Item = usize> {
    (2..=highest.max(4).ilog2()).map(|log| 1 << log)
}

impl StyleGan2Generator {
    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> Shapes {
        let mut shapes = Shapes::new();
        let mut add = |name: String, shape: &[usize]| {
            shapes.insert(name, shape.to_vec());
        };
        let w = self.w_dim;
        let mut inputs = self.z_dim;
        if self.label_dim > 0 {
            add("mapping.label.weight".into(), &[w, self.label_dim]);
            add("mapping.label.bias".into(), &[w]);
            inputs += w;
        }
        for i in 0..self.mapping_layers {
            add(format!("mapping.dense{i}.weight"), &[w, inputs]);
            add(format!("mapping.dense{i}.bias"), &[w]);
            inputs = w;
        }
        add("w_avg".into(), &[w]);
        let of = |resolution| maps(self.channel_base, self.channel_max, resolution);
        add("synthesis.b4.const".into(), &[1, of(4), 4, 4]);
        for r in resolutions(self.resolution) {
            let (before, here) = (of((r / 2).max(4)), of(r));
            for (conv, inputs) in [(0, before), (1, here)] {
                if r == 4 && conv == 0 {
                    continue;
                }
                let layer = format!("synthesis.b{r}.conv{conv}");
                add(format!("{layer}.weight"), &[here, inputs, 3, 3]);
                add(format!("{layer}.bias"), &[here]);
                add(format!("{layer}.noise.strength"), &[1]);
                add(format!("{layer}.noise.const"), &[1, 1, r, r]);
                add(format!("{layer}.style.weight"), &[inputs, w]);
                add(format!("{layer}.style.bias"), &[inputs]);
            }
            if self.architecture == Architecture::Skip || r == self.resolution {
                let layer = format!("synthesis.b{r}.to_rgb");
                add(format!("{layer}.weight"), &[self.channels, here, 1, 1]);
                add(format!("{layer}.bias"), &[self.channels]);
                add(format!("{layer}.style.weight"), &[here, w]);
                add(format!("{layer}.style.bias"), &[here]);
            }
            if self.architecture == Architecture::Resnet && r > 4 {
                add(format!("synthesis.b{r}.skip.weight"), &[here, before, 1, 1]);
            }
        }
        shapes
    }
}

impl StyleGan2Discriminator {
    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> Shapes {
        let mut shapes = Shapes::new();
        let mut layer = |name: String, shape: &[usize], bias: bool| {
            if bias {
                shapes.insert(format!("{name}.bias"), vec![shape[0]]);
            }
            shapes.insert(format!("{name}.weight"), shape.to_vec());
        };
        let of = |resolution| maps(self.channel_base, self.channel_max, resolution);
        for r in resolutions(self.resolution) {
            if self.architecture == Architecture::Skip || r == self.resolution {
                layer(format!("b{r}.from_rgb"), &[of(r), self.channels, 1, 1], true);
            }
            if r > 4 {
                let (here, below) = (of(r), of(r / 2));
                layer(format!("b{r}.conv0"), &[here, here, 3, 3], true);
                layer(format!("b{r}.conv1"), &[below, here, 3, 3], true);
                if self.architecture == Architecture::Resnet {
                    layer(format!("b{r}.skip"), &[below, here, 1, 1], false);
                }
            }
        }
        let extra = usize::from(self.mbstd_group_size > 1);
        layer("b4.conv".into(), &[of(4), of(4) + extra, 3, 3], true);
        layer("b4.dense0".into(), &[of(4), of(4) * 16], true);
        layer("b4.dense1".into(), &[1, of(4)], true);
        shapes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_networks_have_the_official_parameters() {
        let mut generator = StyleGan2Generator {
            resolution: 1024,
            channels: 3,
            z_dim: 512,
            w_dim: 512,
            mapping_layers: 8,
            label_dim: 0,
            channel_base: 32768,
            channel_max: 512,
            architecture: Architecture::Skip,
        };
        let count = |shapes: Shapes| {
            let trained = shapes.iter().filter(|(name, _)| !stylegan::is_buffer(name));
            trained.map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>()
        };
        assert_eq!(count(generator.shapes()), 30_370_060);
        generator.channel_base = 16384;
        assert_eq!(count(generator.shapes()), 24_900_764);
        let discriminator = StyleGan2Discriminator {
            resolution: 1024,
            channels: 3,
            channel_base: 32768,
            channel_max: 512,
            architecture: Architecture::Resnet,
            mbstd_group_size: 4,
        };
        assert_eq!(count(discriminator.shapes()), 29_012_513);
    }
}
