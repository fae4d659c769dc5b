//! Configurations from shapes, where a file says nothing else.

use stylegan::{DiscriminatorConfig, GeneratorConfig, MappingConfig};

use crate::Network;
use crate::pattern::Bindings;

/// An axis of a tensor.
pub(crate) fn dim(network: &Network, name: &str, axis: usize) -> Result<usize, String> {
    let tensor = network.tensors.get(name).ok_or_else(|| format!("it lacks `{name}`"))?;
    let size = tensor.shape().get(axis).copied();
    size.ok_or_else(|| format!("`{name}` has too few axes"))
}

/// How many of `pattern` (with `{i}`) there are, counted from 0 without a gap.
pub(crate) fn count(network: &Network, pattern: &str) -> usize {
    let has = |index: usize| {
        let bindings = Bindings::of("{i}", &index.to_string(), 0);
        let name = bindings.and_then(|bindings| bindings.fill(pattern));
        name.is_some_and(|name| network.tensors.contains_key(&name))
    };
    (0..64).take_while(|&index| has(index)).count()
}

/// The resolution of so many blocks.
pub(crate) fn resolution(blocks: usize) -> Result<usize, String> {
    if (2..=9).contains(&blocks) {
        Ok(2 << blocks)
    } else {
        Err(format!("it has {blocks} resolutions, where 2 to 9 are known (8x8 to 1024x1024)"))
    }
}

/// Multiplier and upper bound of the feature maps, from those of the blocks from 4x4 up.
pub(crate) fn feature_maps(blocks: &[usize]) -> (usize, usize) {
    let max = blocks.iter().copied().max().unwrap_or(1);
    let below = blocks.iter().position(|&maps| maps < max);
    // The smallest multiplier that gives these, where all are at the bound.
    let base = below.map_or(max << blocks.len(), |block| blocks[block] << (block + 1));
    (base, max)
}

/// A style-based generator: blocks' maps from 4x4 up, and the mapping network by the pattern of its weights.
pub(crate) fn generator(
    network: &Network,
    maps: &[usize],
    channels: usize,
    dense: &str,
) -> Result<GeneratorConfig, String> {
    let mut config = GeneratorConfig::config_f();
    config.synthesis.resolution = resolution(maps.len())?;
    config.synthesis.channels = channels;
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = feature_maps(maps);
    config.mapping = mapping(network, dense)?;
    config.synthesis.w_dim = config.mapping.w_dim;
    Ok(config)
}

/// A mapping network, from the pattern of its weights `[out, in]`.
pub(crate) fn mapping(network: &Network, dense: &str) -> Result<MappingConfig, String> {
    let layers = count(network, dense);
    if layers == 0 {
        return Err(format!("it has no mapping network (`{dense}`)"));
    }
    let name = |index: usize| dense.replace("{i}", &index.to_string());
    Ok(MappingConfig {
        z_dim: dim(network, &name(0), 1)?,
        w_dim: dim(network, &name(layers - 1), 0)?,
        hidden_dim: dim(network, &name(0), 0)?,
        layers,
        ..MappingConfig::default()
    })
}

/// A discriminator, from its blocks' maps from 4x4 up and the width of its last layer.
pub(crate) fn discriminator(
    maps: &[usize],
    channels: usize,
    outputs: usize,
) -> Result<DiscriminatorConfig, String> {
    let (fmap_base, fmap_max) = feature_maps(maps);
    let label_dim = if outputs == 1 { 0 } else { outputs };
    let resolution = resolution(maps.len())?;
    Ok(DiscriminatorConfig {
        resolution,
        channels,
        fmap_base,
        fmap_max,
        label_dim,
        ..DiscriminatorConfig::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_maps_are_found_from_the_blocks() {
        assert_eq!(feature_maps(&[512, 512, 512, 512, 256, 128, 64, 32, 16]), (8192, 512));
        assert_eq!(feature_maps(&[512, 512, 512, 512]), (8192, 512));
        assert_eq!(feature_maps(&[16, 16, 16, 16]), (256, 16));
    }
}
