//! genforce: layers are numbered, two a resolution. Its files say nothing of their configuration.

use std::collections::BTreeMap;

use stylegan::{Downscale, FusedScale, GeneratorConfig};
use stylegan_checkpoint::pickle::Tensor;

use super::{Known, Settings, infer};
use crate::layout::Layout;
use crate::table::{Rule, Table, rule};
use crate::{Dialect, Model, Network, Role};

const MAPPING: &[Rule] = &[
    rule("mapping.dense{i}.weight", "mapping.dense{i}.weight"),
    rule("mapping.dense{i}.bias", "mapping.dense{i}.bias"),
    rule("mapping.label_weight", "mapping.label.weight"),
    rule("truncation.w_avg", "w_avg"),
];

const SYNTHESIS: &[Rule] = &[
    rule("synthesis.layer0.const", "synthesis.b4.const"),
    rule("synthesis.layer{2block}.weight", "synthesis.b{R}.conv0.weight"),
    rule("synthesis.layer{2block}.bias", "synthesis.b{R}.conv0.bias"),
    rule("synthesis.layer{2block}.style.weight", "synthesis.b{R}.conv0.style.weight"),
    rule("synthesis.layer{2block}.style.bias", "synthesis.b{R}.conv0.style.bias"),
    rule("synthesis.layer{2block}.apply_noise.weight", "synthesis.b{R}.conv0.noise.weight"),
    rule("synthesis.layer{2block}.apply_noise.noise", "synthesis.b{R}.conv0.noise.const"),
    rule("synthesis.layer{2block+1}.weight", "synthesis.b{R}.conv1.weight"),
    rule("synthesis.layer{2block+1}.bias", "synthesis.b{R}.conv1.bias"),
    rule("synthesis.layer{2block+1}.style.weight", "synthesis.b{R}.conv1.style.weight"),
    rule("synthesis.layer{2block+1}.style.bias", "synthesis.b{R}.conv1.style.bias"),
    rule("synthesis.layer{2block+1}.apply_noise.weight", "synthesis.b{R}.conv1.noise.weight"),
    rule("synthesis.layer{2block+1}.apply_noise.noise", "synthesis.b{R}.conv1.noise.const"),
    rule("synthesis.output{block}.weight", "synthesis.b{R}.to_rgb.weight"),
    rule("synthesis.output{block}.bias", "synthesis.b{R}.to_rgb.bias"),
];

/// StyleGAN's generator.
pub(crate) const GENERATOR: Table = Table {
    rules: &[MAPPING, SYNTHESIS],
    ignored: &["synthesis.lod", "*.kernel"],
    optional: &["w_avg"],
};

const PROGRESSIVE: &[Rule] = &[
    rule("layer0.weight", "synthesis.b4.dense.weight").layout(Layout::DENSE_AS_CONVOLUTION),
    rule("layer{2block}.weight", "synthesis.b{R}.conv0.weight"),
    rule("layer{2block}.bias", "synthesis.b{R}.conv0.bias"),
    rule("layer{2block+1}.weight", "synthesis.b{R}.conv1.weight"),
    rule("layer{2block+1}.bias", "synthesis.b{R}.conv1.bias"),
    rule("output{block}.weight", "synthesis.b{R}.to_rgb.weight"),
    rule("output{block}.bias", "synthesis.b{R}.to_rgb.bias"),
];

/// Progressive GAN's generator.
pub(crate) const PROGRESSIVE_GENERATOR: Table =
    Table { rules: &[PROGRESSIVE], ignored: &["lod"], optional: &["w_avg"] };

const DISCRIMINATOR_LAYERS: &[Rule] = &[
    rule("input{lod}.weight", "b{R}.from_rgb.weight"),
    rule("input{lod}.bias", "b{R}.from_rgb.bias"),
    rule("layer{down}.weight", "b{R}.conv0.weight"),
    rule("layer{down}.bias", "b{R}.conv0.bias"),
    rule("layer{down+1}.weight", "b{R}.conv1.weight"),
    rule("layer{down+1}.bias", "b{R}.conv1.bias"),
    rule("layer{last}.weight", "b4.conv.weight"),
    rule("layer{last}.bias", "b4.conv.bias"),
    rule("layer{last+1}.weight", "b4.dense0.weight"),
    rule("layer{last+1}.bias", "b4.dense0.bias"),
    rule("layer{last+2}.weight", "b4.dense1.weight"),
    rule("layer{last+2}.bias", "b4.dense1.bias"),
];

/// The discriminators of both.
pub(crate) const DISCRIMINATOR: Table =
    Table { rules: &[DISCRIMINATOR_LAYERS], ignored: &["lod", "*.kernel"], optional: &[] };

pub(super) fn kind(tensors: &BTreeMap<String, Tensor>) -> Option<Known> {
    let has = |name: &str| tensors.contains_key(name);
    if has("synthesis.layer0.const") && has("synthesis.output0.weight") {
        return Some((Dialect::Genforce, &GENERATOR, generator, Role::Generator));
    }
    if has("layer0.weight") && has("output0.weight") {
        return Some((Dialect::Genforce, &PROGRESSIVE_GENERATOR, progressive, Role::Generator));
    }
    let known = has("input0.weight") && has("layer0.weight");
    known.then_some((Dialect::Genforce, &DISCRIMINATOR, discriminator, Role::Discriminator))
}

fn maps(network: &Network, prefix: &str) -> Result<Vec<usize>, String> {
    let blocks = infer::count(network, &format!("{prefix}output{{i}}.weight"));
    let maps = |block| infer::dim(network, &format!("{prefix}output{block}.weight"), 1);
    (0..blocks).map(maps).collect()
}

fn generator(network: &Network, _: Settings) -> Result<Model, String> {
    let maps = maps(network, "synthesis.")?;
    let channels = infer::dim(network, "synthesis.output0.bias", 0)?;
    let mut config = infer::generator(network, &maps, channels, "mapping.dense{i}.weight")?;
    if network.tensors.contains_key("mapping.label_weight") {
        config.mapping.label_dim = infer::dim(network, "mapping.label_weight", 0)?;
        config.mapping.z_dim = infer::dim(network, "mapping.label_weight", 1)?;
    }
    Ok(Model::Generator(config))
}

/// genforce's Progressive GAN does not fuse its upscaling unless told to, and its files do not say.
fn progressive(network: &Network, _: Settings) -> Result<Model, String> {
    let mut config = GeneratorConfig::config_a();
    let maps = maps(network, "")?;
    config.synthesis.resolution = infer::resolution(maps.len())?;
    config.synthesis.channels = infer::dim(network, "output0.bias", 0)?;
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = infer::feature_maps(&maps);
    config.synthesis.fused_scale = FusedScale::False;
    config.mapping.z_dim = infer::dim(network, "layer0.weight", 1)?;
    config.mapping.w_dim = config.mapping.z_dim;
    config.synthesis.w_dim = config.mapping.z_dim;
    Ok(Model::Generator(config))
}

fn discriminator(network: &Network, _: Settings) -> Result<Model, String> {
    let blocks = infer::count(network, "input{i}.weight");
    let maps = |lod| infer::dim(network, &format!("input{lod}.weight"), 0);
    let maps: Vec<usize> = (0..blocks).rev().map(maps).collect::<Result<_, _>>()?;
    let channels = infer::dim(network, "input0.weight", 1)?;
    let last = format!("layer{}.bias", 2 * blocks);
    let mut config = infer::discriminator(&maps, channels, infer::dim(network, &last, 0)?)?;
    // StyleGAN's has the blur, whose kernels are in the file; Progressive GAN's has none, and halves activated maps.
    config.blur = network.tensors.keys().any(|name| name.ends_with("blur.kernel"));
    if !config.blur {
        config.downscale = Downscale::AfterActivation;
    }
    Ok(Model::Discriminator(config))
}
