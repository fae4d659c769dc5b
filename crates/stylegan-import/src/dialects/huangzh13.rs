//! huangzh13's StyleGAN.pytorch: `GAN_GEN_*.pth`, `GAN_GEN_SHADOW_*.pth`, `GAN_DIS_*.pth`, and its conversions of the official
//! networks.

use std::collections::BTreeMap;

use stylegan_checkpoint::pickle::Tensor;

use super::{Known, Settings, infer};
use crate::table::{Rule, Table, rule};
use crate::{Dialect, Model, Network, Role};

const MAPPING: &[Rule] = &[
    rule("g_mapping.map.dense{i}.weight", "mapping.dense{i}.weight"),
    rule("g_mapping.map.dense{i}.bias", "mapping.dense{i}.bias"),
    rule("truncation.avg_latent", "w_avg"),
];

const BASE: &[Rule] = &[
    rule("g_synthesis.init_block.const", "synthesis.b4.const"),
    rule("g_synthesis.init_block.bias", "synthesis.b4.conv0.bias"),
    rule("g_synthesis.init_block.conv.weight", "synthesis.b4.conv1.weight"),
    rule("g_synthesis.init_block.conv.bias", "synthesis.b4.conv1.bias"),
    rule("g_synthesis.init_block.epi1.top_epi.noise.weight", "synthesis.b4.conv0.noise.weight"),
    rule("g_synthesis.init_block.epi1.style_mod.lin.weight", "synthesis.b4.conv0.style.weight"),
    rule("g_synthesis.init_block.epi1.style_mod.lin.bias", "synthesis.b4.conv0.style.bias"),
    rule("g_synthesis.init_block.epi2.top_epi.noise.weight", "synthesis.b4.conv1.noise.weight"),
    rule("g_synthesis.init_block.epi2.style_mod.lin.weight", "synthesis.b4.conv1.style.weight"),
    rule("g_synthesis.init_block.epi2.style_mod.lin.bias", "synthesis.b4.conv1.style.bias"),
];

const BLOCKS: &[Rule] = &[
    rule("g_synthesis.blocks.{block-1}.conv0_up.weight", "synthesis.b{R}.conv0.weight"),
    rule("g_synthesis.blocks.{block-1}.conv0_up.bias", "synthesis.b{R}.conv0.bias"),
    rule("g_synthesis.blocks.{block-1}.conv1.weight", "synthesis.b{R}.conv1.weight"),
    rule("g_synthesis.blocks.{block-1}.conv1.bias", "synthesis.b{R}.conv1.bias"),
    rule(
        "g_synthesis.blocks.{block-1}.epi1.top_epi.noise.weight",
        "synthesis.b{R}.conv0.noise.weight",
    ),
    rule(
        "g_synthesis.blocks.{block-1}.epi1.style_mod.lin.weight",
        "synthesis.b{R}.conv0.style.weight",
    ),
    rule("g_synthesis.blocks.{block-1}.epi1.style_mod.lin.bias", "synthesis.b{R}.conv0.style.bias"),
    rule(
        "g_synthesis.blocks.{block-1}.epi2.top_epi.noise.weight",
        "synthesis.b{R}.conv1.noise.weight",
    ),
    rule(
        "g_synthesis.blocks.{block-1}.epi2.style_mod.lin.weight",
        "synthesis.b{R}.conv1.style.weight",
    ),
    rule("g_synthesis.blocks.{block-1}.epi2.style_mod.lin.bias", "synthesis.b{R}.conv1.style.bias"),
    rule("g_synthesis.to_rgb.{block}.weight", "synthesis.b{R}.to_rgb.weight"),
    rule("g_synthesis.to_rgb.{block}.bias", "synthesis.b{R}.to_rgb.bias"),
];

pub(super) const GENERATOR: Table = Table {
    rules: &[MAPPING, BASE, BLOCKS],
    ignored: &["*.kernel"],
    optional: &["w_avg", "synthesis.b{R}.conv{i}.noise.const"],
};

/// Blocks are counted from the full resolution down.
const DISCRIMINATOR_LAYERS: &[Rule] = &[
    rule("from_rgb.{lod}.weight", "b{R}.from_rgb.weight"),
    rule("from_rgb.{lod}.bias", "b{R}.from_rgb.bias"),
    rule("blocks.{lod}.conv0.weight", "b{R}.conv0.weight"),
    rule("blocks.{lod}.conv0.bias", "b{R}.conv0.bias"),
    rule("blocks.{lod}.conv1_down.weight", "b{R}.conv1.weight"),
    rule("blocks.{lod}.conv1_down.bias", "b{R}.conv1.bias"),
    rule("final_block.conv.weight", "b4.conv.weight"),
    rule("final_block.conv.bias", "b4.conv.bias"),
    rule("final_block.dense{i}.weight", "b4.dense{i}.weight"),
    rule("final_block.dense{i}.bias", "b4.dense{i}.bias"),
];

pub(super) const DISCRIMINATOR: Table =
    Table { rules: &[DISCRIMINATOR_LAYERS], ignored: &["*.kernel"], optional: &[] };

pub(super) fn kind(tensors: &BTreeMap<String, Tensor>) -> Option<Known> {
    let has = |name: &str| tensors.contains_key(name);
    if has("g_synthesis.init_block.const") {
        return Some((Dialect::Huangzh13, &GENERATOR, generator, Role::Ema));
    }
    let known = has("final_block.conv.weight") && has("from_rgb.0.weight");
    known.then_some((Dialect::Huangzh13, &DISCRIMINATOR, discriminator, Role::Discriminator))
}

fn generator(network: &Network, _: Settings) -> Result<Model, String> {
    let blocks = infer::count(network, "g_synthesis.to_rgb.{i}.weight");
    let maps = |block| infer::dim(network, &format!("g_synthesis.to_rgb.{block}.weight"), 1);
    let maps: Vec<usize> = (0..blocks).map(maps).collect::<Result<_, _>>()?;
    let channels = infer::dim(network, "g_synthesis.to_rgb.0.bias", 0)?;
    let mut config = infer::generator(network, &maps, channels, "g_mapping.map.dense{i}.weight")?;
    // That of PyTorch's instance norm.
    config.synthesis.norm_epsilon = 1e-5;
    Ok(Model::Generator(config))
}

fn discriminator(network: &Network, _: Settings) -> Result<Model, String> {
    let blocks = infer::count(network, "from_rgb.{i}.weight");
    let maps = |lod| infer::dim(network, &format!("from_rgb.{lod}.weight"), 0);
    let maps: Vec<usize> = (0..blocks).rev().map(maps).collect::<Result<_, _>>()?;
    let channels = infer::dim(network, "from_rgb.0.weight", 1)?;
    let outputs = infer::dim(network, "final_block.dense1.bias", 0)?;
    Ok(Model::Discriminator(infer::discriminator(&maps, channels, outputs)?))
}
