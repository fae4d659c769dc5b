//! lernapparat's conversion of the official FFHQ generator: one toRGB, no average of w, no noise maps.

use std::collections::BTreeMap;

use stylegan::Structure;
use stylegan_checkpoint::pickle::Tensor;

use super::{Known, Settings, infer};
use crate::table::{Rule, Table, rule};
use crate::{Dialect, Model, Network, Role};

const MAPPING: &[Rule] = &[
    rule("g_mapping.dense{i}.weight", "mapping.dense{i}.weight"),
    rule("g_mapping.dense{i}.bias", "mapping.dense{i}.bias"),
];

const BASE: &[Rule] = &[
    rule("g_synthesis.blocks.4x4.const", "synthesis.b4.const"),
    rule("g_synthesis.blocks.4x4.bias", "synthesis.b4.conv0.bias"),
    rule("g_synthesis.blocks.4x4.conv.weight", "synthesis.b4.conv1.weight"),
    rule("g_synthesis.blocks.4x4.conv.bias", "synthesis.b4.conv1.bias"),
];

const BLOCKS: &[Rule] = &[
    rule("g_synthesis.blocks.{R}x{R}.conv0_up.weight", "synthesis.b{R}.conv0.weight"),
    rule("g_synthesis.blocks.{R}x{R}.conv0_up.bias", "synthesis.b{R}.conv0.bias"),
    rule("g_synthesis.blocks.{R}x{R}.conv1.weight", "synthesis.b{R}.conv1.weight"),
    rule("g_synthesis.blocks.{R}x{R}.conv1.bias", "synthesis.b{R}.conv1.bias"),
    rule(
        "g_synthesis.blocks.{R}x{R}.epi1.top_epi.noise.weight",
        "synthesis.b{R}.conv0.noise.weight",
    ),
    rule(
        "g_synthesis.blocks.{R}x{R}.epi1.style_mod.lin.weight",
        "synthesis.b{R}.conv0.style.weight",
    ),
    rule("g_synthesis.blocks.{R}x{R}.epi1.style_mod.lin.bias", "synthesis.b{R}.conv0.style.bias"),
    rule(
        "g_synthesis.blocks.{R}x{R}.epi2.top_epi.noise.weight",
        "synthesis.b{R}.conv1.noise.weight",
    ),
    rule(
        "g_synthesis.blocks.{R}x{R}.epi2.style_mod.lin.weight",
        "synthesis.b{R}.conv1.style.weight",
    ),
    rule("g_synthesis.blocks.{R}x{R}.epi2.style_mod.lin.bias", "synthesis.b{R}.conv1.style.bias"),
    rule("g_synthesis.torgb.weight", "synthesis.b{R}.to_rgb.weight"),
    rule("g_synthesis.torgb.bias", "synthesis.b{R}.to_rgb.bias"),
];

pub(super) const TABLE: Table = Table {
    rules: &[MAPPING, BASE, BLOCKS],
    ignored: &["*.kernel"],
    optional: &["w_avg", "synthesis.b{R}.conv{i}.noise.const"],
};

pub(super) fn kind(tensors: &BTreeMap<String, Tensor>) -> Option<Known> {
    let known = tensors.contains_key("g_synthesis.blocks.4x4.const");
    known.then_some((Dialect::Lernapparat, &TABLE, configure as _, Role::Ema))
}

fn configure(network: &Network, _: Settings) -> Result<Model, String> {
    let weight = |log: usize| format!("g_synthesis.blocks.{0}x{0}.conv1.weight", 1 << log);
    let first = infer::dim(network, "g_synthesis.blocks.4x4.conv.weight", 0)?;
    let others = (3..).take_while(|&log| network.tensors.contains_key(&weight(log)));
    let others = others.map(|log| infer::dim(network, &weight(log), 0));
    let maps: Vec<usize> = std::iter::once(Ok(first)).chain(others).collect::<Result<_, _>>()?;
    let channels = infer::dim(network, "g_synthesis.torgb.bias", 0)?;
    let mut config = infer::generator(network, &maps, channels, "g_mapping.dense{i}.weight")?;
    config.synthesis.structure = Structure::Fixed;
    // That of PyTorch's instance norm.
    config.synthesis.norm_epsilon = 1e-5;
    Ok(Model::Generator(config))
}
