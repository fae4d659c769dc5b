//! rosinality's stylegan2-pytorch, and pixel2style2pixel, whose decoder it is.

use std::collections::BTreeMap;

use stylegan::{Architecture, DiscriminatorConfig, GeneratorConfig, Structure};
use stylegan_checkpoint::pickle::{Tensor, Value};

use super::{Kind, Known, Recognised, Settings, fixed, infer};
use crate::contents::state_dict;
use crate::layout::Layout;
use crate::table::{Rule, Table, rule};
use crate::{Dialect, Model, Network, Role};

/// The name that the average of w gets, which lies beside the networks.
pub(super) const AVERAGE: &str = "latent_avg";

/// `[out, in, k, k]` as `[1, out, in, k, k]`.
const MODULATED: Layout = Layout::reshaped(|shape| [&[1], shape].concat());

/// A scalar as `[1]`.
const SCALAR: Layout = Layout::reshaped(|_| vec![1]);

/// `[C]` as `[1, C, 1, 1]`.
const CHANNELS: Layout = Layout::reshaped(|shape| vec![1, shape[0], 1, 1]);

const MAPPING: &[Rule] = &[
    rule("style.{i+1}.weight", "mapping.dense{i}.weight"),
    rule("style.{i+1}.bias", "mapping.dense{i}.bias"),
    rule(AVERAGE, "w_avg"),
];

const BASE: &[Rule] = &[
    rule("input.input", "synthesis.b4.const"),
    rule("conv1.conv.weight", "synthesis.b4.conv1.weight").layout(MODULATED),
    rule("conv1.conv.modulation.weight", "synthesis.b4.conv1.style.weight"),
    rule("conv1.conv.modulation.bias", "synthesis.b4.conv1.style.bias"),
    rule("conv1.noise.weight", "synthesis.b4.conv1.noise.strength").layout(SCALAR),
    rule("conv1.activate.bias", "synthesis.b4.conv1.bias"),
    rule("to_rgb1.conv.weight", "synthesis.b4.to_rgb.weight").layout(MODULATED),
    rule("to_rgb1.conv.modulation.weight", "synthesis.b4.to_rgb.style.weight"),
    rule("to_rgb1.conv.modulation.bias", "synthesis.b4.to_rgb.style.bias"),
    rule("to_rgb1.bias", "synthesis.b4.to_rgb.bias").layout(CHANNELS),
    rule("noises.noise_0", "synthesis.b4.conv1.noise.const"),
];

const BLOCKS: &[Rule] = &[
    rule("convs.{2block-2}.conv.weight", "synthesis.b{R}.conv0.weight").layout(MODULATED),
    rule("convs.{2block-2}.conv.modulation.weight", "synthesis.b{R}.conv0.style.weight"),
    rule("convs.{2block-2}.conv.modulation.bias", "synthesis.b{R}.conv0.style.bias"),
    rule("convs.{2block-2}.noise.weight", "synthesis.b{R}.conv0.noise.strength").layout(SCALAR),
    rule("convs.{2block-2}.activate.bias", "synthesis.b{R}.conv0.bias"),
    rule("convs.{2block-1}.conv.weight", "synthesis.b{R}.conv1.weight").layout(MODULATED),
    rule("convs.{2block-1}.conv.modulation.weight", "synthesis.b{R}.conv1.style.weight"),
    rule("convs.{2block-1}.conv.modulation.bias", "synthesis.b{R}.conv1.style.bias"),
    rule("convs.{2block-1}.noise.weight", "synthesis.b{R}.conv1.noise.strength").layout(SCALAR),
    rule("convs.{2block-1}.activate.bias", "synthesis.b{R}.conv1.bias"),
    rule("to_rgbs.{block-1}.conv.weight", "synthesis.b{R}.to_rgb.weight").layout(MODULATED),
    rule("to_rgbs.{block-1}.conv.modulation.weight", "synthesis.b{R}.to_rgb.style.weight"),
    rule("to_rgbs.{block-1}.conv.modulation.bias", "synthesis.b{R}.to_rgb.style.bias"),
    rule("to_rgbs.{block-1}.bias", "synthesis.b{R}.to_rgb.bias").layout(CHANNELS),
    rule("noises.noise_{2block-1}", "synthesis.b{R}.conv0.noise.const"),
    rule("noises.noise_{2block}", "synthesis.b{R}.conv1.noise.const"),
];

pub(super) const GENERATOR: Table = Table {
    rules: &[MAPPING, BASE, BLOCKS],
    ignored: &["*.kernel"],
    // Files from before the noise maps were kept have none.
    optional: &["w_avg", "synthesis.b{R}.conv{i}.noise.const"],
};

/// `convs.0` is fromRGB; then a block for each resolution, from the full one down.
const DISCRIMINATOR_LAYERS: &[Rule] = &[
    rule("convs.0.0.weight", "b{R}.from_rgb.weight"),
    rule("convs.0.1.bias", "b{R}.from_rgb.bias"),
    rule("convs.{lod+1}.conv1.0.weight", "b{R}.conv0.weight"),
    rule("convs.{lod+1}.conv1.1.bias", "b{R}.conv0.bias"),
    rule("convs.{lod+1}.conv2.1.weight", "b{R}.conv1.weight"),
    rule("convs.{lod+1}.conv2.2.bias", "b{R}.conv1.bias"),
    rule("convs.{lod+1}.skip.1.weight", "b{R}.skip.weight"),
    rule("final_conv.0.weight", "b4.conv.weight"),
    rule("final_conv.1.bias", "b4.conv.bias"),
    rule("final_linear.{i}.weight", "b4.dense{i}.weight"),
    rule("final_linear.{i}.bias", "b4.dense{i}.bias"),
];

pub(crate) const DISCRIMINATOR: Table =
    Table { rules: &[DISCRIMINATOR_LAYERS], ignored: &["*.kernel"], optional: &[] };

pub(super) fn kind(tensors: &BTreeMap<String, Tensor>) -> Option<Known> {
    let has = |name: &str| tensors.contains_key(name);
    if has("input.input") && has("conv1.conv.modulation.weight") {
        return Some((Dialect::RosinalityStyleGan2, &GENERATOR, generator, Role::Generator));
    }
    let known = has("convs.0.0.weight") && has("final_linear.0.weight");
    known.then_some((
        Dialect::RosinalityStyleGan2,
        &DISCRIMINATOR,
        discriminator,
        Role::Discriminator,
    ))
}

fn generator(network: &Network, _: Settings) -> Result<Model, String> {
    let first = infer::dim(network, "conv1.conv.weight", 1)?;
    let blocks = 1 + infer::count(network, "to_rgbs.{i}.bias");
    let others = (1..blocks)
        .map(|block| infer::dim(network, &format!("convs.{}.conv.weight", 2 * block - 1), 1));
    let maps: Vec<usize> = std::iter::once(Ok(first)).chain(others).collect::<Result<_, _>>()?;
    let layers = (1..64).take_while(|i| network.tensors.contains_key(&format!("style.{i}.weight")));
    let mut config = GeneratorConfig::stylegan2_f();
    config.mapping.z_dim = infer::dim(network, "style.1.weight", 1)?;
    config.mapping.w_dim = infer::dim(network, "style.1.weight", 0)?;
    config.mapping.hidden_dim = config.mapping.w_dim;
    config.mapping.layers = layers.count();
    config.synthesis.resolution = infer::resolution(blocks)?;
    config.synthesis.channels = infer::dim(network, "to_rgb1.conv.weight", 1)?;
    config.synthesis.w_dim = config.mapping.w_dim;
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = infer::feature_maps(&maps);
    Ok(Model::Generator(config))
}

fn discriminator(network: &Network, _: Settings) -> Result<Model, String> {
    let blocks = (1..16)
        .take_while(|i| network.tensors.contains_key(&format!("convs.{i}.conv1.0.weight")))
        .count();
    let width = |block: usize| infer::dim(network, &format!("convs.{block}.conv1.0.weight"), 0);
    let last = infer::dim(network, "final_conv.0.weight", 0);
    let maps = std::iter::once(last).chain((1..=blocks).rev().map(width));
    let (fmap_base, fmap_max) = infer::feature_maps(&maps.collect::<Result<Vec<_>, _>>()?);
    Ok(Model::Discriminator(DiscriminatorConfig {
        resolution: infer::resolution(blocks + 1)?,
        channels: infer::dim(network, "convs.0.0.weight", 1)?,
        fmap_base,
        fmap_max,
        structure: Structure::Fixed,
        stylegan2: Some(Architecture::Resnet),
        ..DiscriminatorConfig::default()
    }))
}

/// pixel2style2pixel: `state_dict` with `encoder.*` and `decoder.*`, `opts`, and `latent_avg`.
pub(super) fn recognise_psp(root: Value<'_>) -> Recognised<'_> {
    let tensors = root.get("state_dict").and_then(state_dict)?;
    // A dictionary, or the object that the command line was parsed into.
    let options = root.get("opts")?;
    let options = options.state().unwrap_or(options);
    let average = root.get("latent_avg").and_then(Value::tensor);
    let part = |prefix: &str| -> BTreeMap<String, Tensor> {
        let own = tensors.iter().filter_map(|(name, tensor)| {
            name.strip_prefix(prefix).map(|name| (name.to_owned(), tensor.clone()))
        });
        own.collect()
    };
    let (mut encoder, mut decoder) = (part("encoder."), part("decoder."));
    if encoder.len() + decoder.len() != tensors.len() || decoder.is_empty() {
        return None;
    }
    if let Some(average) = average {
        decoder.insert(AVERAGE.to_owned(), average.first());
        encoder.insert(AVERAGE.to_owned(), average);
    }
    let settings = Settings(Some(options));
    let mut networks = Vec::new();
    if !encoder.is_empty() {
        let kind = Kind { table: &fixed::TABLE, configure: fixed::psp_encoder, settings };
        networks.push(Network::new(Role::Encoder, "encoder", encoder, kind));
    }
    let kind = Kind { table: &GENERATOR, configure: generator, settings };
    networks.push(Network::new(Role::Ema, "decoder", decoder, kind));
    for network in &mut networks {
        network.settings = settings.shown();
    }
    Some((Dialect::Psp, networks))
}
