//! `stylegan2-ada-pytorch`: modules that carry their own source text, which stays text, and their state.

use std::collections::BTreeMap;

use stylegan::{Architecture, DiscriminatorConfig, GeneratorConfig, Structure};
use stylegan_checkpoint::pickle::{Tensor, Value};

use super::{Kind, Recognised, Settings, usual_filter};
use crate::layout::Layout;
use crate::table::{Rule, Table, rule};
use crate::{Dialect, Model, Network, Role};

/// `[1, 1, H, W]` as `[H, W]`.
const MAP: Layout = Layout::reshaped(|shape| shape[2..].to_vec());

/// `[1, C, H, W]` as `[C, H, W]`.
const ONE: Layout = Layout::reshaped(|shape| shape[1..].to_vec());

const LAYERS: &[Rule] = &[
    rule("mapping.fc{i}.weight", "mapping.dense{i}.weight"),
    rule("mapping.fc{i}.bias", "mapping.dense{i}.bias"),
    rule("mapping.embed.weight", "mapping.label.weight"),
    rule("mapping.embed.bias", "mapping.label.bias"),
    rule("mapping.w_avg", "w_avg"),
    rule("synthesis.b4.const", "synthesis.b4.const").layout(ONE),
    rule("synthesis.b{R}.conv{i}.weight", "synthesis.b{R}.conv{i}.weight"),
    rule("synthesis.b{R}.conv{i}.bias", "synthesis.b{R}.conv{i}.bias"),
    rule("synthesis.b{R}.conv{i}.noise_strength", "synthesis.b{R}.conv{i}.noise.strength"),
    rule("synthesis.b{R}.conv{i}.noise_const", "synthesis.b{R}.conv{i}.noise.const").layout(MAP),
    rule("synthesis.b{R}.conv{i}.affine.weight", "synthesis.b{R}.conv{i}.style.weight"),
    rule("synthesis.b{R}.conv{i}.affine.bias", "synthesis.b{R}.conv{i}.style.bias"),
    rule("synthesis.b{R}.torgb.weight", "synthesis.b{R}.to_rgb.weight"),
    rule("synthesis.b{R}.torgb.bias", "synthesis.b{R}.to_rgb.bias"),
    rule("synthesis.b{R}.torgb.affine.weight", "synthesis.b{R}.to_rgb.style.weight"),
    rule("synthesis.b{R}.torgb.affine.bias", "synthesis.b{R}.to_rgb.style.bias"),
    rule("synthesis.b{R}.skip.weight", "synthesis.b{R}.skip.weight"),
];

/// The generator.
pub(crate) const GENERATOR: Table =
    Table { rules: &[LAYERS], ignored: &["*.resample_filter"], optional: &["w_avg"] };

const DISCRIMINATOR_LAYERS: &[Rule] = &[
    rule("b{R}.fromrgb.weight", "b{R}.from_rgb.weight"),
    rule("b{R}.fromrgb.bias", "b{R}.from_rgb.bias"),
    rule("b{R}.conv{i}.weight", "b{R}.conv{i}.weight"),
    rule("b{R}.conv{i}.bias", "b{R}.conv{i}.bias"),
    rule("b{R}.skip.weight", "b{R}.skip.weight"),
    rule("b4.conv.weight", "b4.conv.weight"),
    rule("b4.conv.bias", "b4.conv.bias"),
    rule("b4.fc.weight", "b4.dense0.weight"),
    rule("b4.fc.bias", "b4.dense0.bias"),
    rule("mapping.fc{i}.weight", "mapping.dense{i}.weight"),
    rule("mapping.fc{i}.bias", "mapping.dense{i}.bias"),
    rule("mapping.embed.weight", "mapping.label.weight"),
    rule("mapping.embed.bias", "mapping.label.bias"),
    rule("b4.out.weight", "b4.dense1.weight"),
    rule("b4.out.bias", "b4.dense1.bias"),
];

/// The discriminator.
pub(crate) const DISCRIMINATOR: Table =
    Table { rules: &[DISCRIMINATOR_LAYERS], ignored: &["*.resample_filter"], optional: &[] };

/// Modules that one network may have; StyleGAN2's at 1024x1024 has about a hundred.
const MOST_MODULES: usize = 10_000;

pub(super) fn recognise(root: Value<'_>) -> Recognised<'_> {
    let mut networks = Vec::new();
    for (key, role) in [("G", Role::Generator), ("D", Role::Discriminator), ("G_ema", Role::Ema)] {
        let Some(module) = root.get(key).filter(|value| !value.is_none()) else { continue };
        let state = state_of(module)?;
        let mut tensors = BTreeMap::new();
        collect(state, "", &mut tensors, &mut MOST_MODULES.clone())?;
        let settings = Settings(state.get("_init_kwargs"));
        let kind = match role {
            Role::Discriminator => {
                Kind { table: &DISCRIMINATOR, configure: discriminator, settings }
            }
            _ => Kind { table: &GENERATOR, configure: generator, settings },
        };
        let mut network = Network::new(role, key, tensors, kind);
        network.settings = settings.shown();
        networks.push(network);
    }
    (!networks.is_empty()).then_some((Dialect::AdaPyTorch, networks))
}

/// A module's state: that of a persistent object, or of an ordinary one.
fn state_of(module: Value<'_>) -> Option<Value<'_>> {
    let state = match module.class()? {
        ("torch_utils.persistence", "_reconstruct_persistent_obj") => {
            module.arguments()?.first()?.get("state")?
        }
        _ => module.state()?,
    };
    state.get("_parameters").is_some().then_some(state)
}

/// The parameters and buffers of a module and of those inside it.
fn collect<'a>(
    state: Value<'a>,
    prefix: &str,
    tensors: &mut BTreeMap<String, Tensor<'a>>,
    budget: &mut usize,
) -> Option<()> {
    *budget = budget.checked_sub(1)?;
    for part in ["_parameters", "_buffers"] {
        for (name, value) in state.get(part).and_then(Value::entries).unwrap_or_default() {
            if !value.is_none() {
                tensors.insert(format!("{prefix}{}", name.as_str()?), value.tensor()?);
            }
        }
    }
    for (name, module) in state.get("_modules").and_then(Value::entries).unwrap_or_default() {
        if !module.is_none() {
            collect(state_of(module)?, &format!("{prefix}{}.", name.as_str()?), tensors, budget)?;
        }
    }
    Some(())
}

/// What the official code calls the architecture, told from the layers that there are.
fn architecture(network: &Network, resolution: usize, rgb: &str) -> Architecture {
    let has = |name: String| network.tensors.contains_key(&name);
    if has(format!("{}b{resolution}.skip.weight", if rgb == "torgb" { "synthesis." } else { "" })) {
        return Architecture::Resnet;
    }
    let half = resolution / 2;
    let prefix = if rgb == "torgb" { "synthesis." } else { "" };
    if has(format!("{prefix}b{half}.{rgb}.weight")) {
        Architecture::Skip
    } else {
        Architecture::Orig
    }
}

/// The resolution, and that the filters are the usual ones.
fn resolution(settings: Settings, layers: Settings) -> Result<usize, String> {
    let resolution = settings.size("img_resolution", 0);
    if !resolution.is_power_of_two() || !(8..=1024).contains(&resolution) {
        return Err("its settings do not say a resolution from 8 to 1024".to_owned());
    }
    usual_filter(layers.get("resample_filter"))?;
    Ok(resolution)
}

fn generator(network: &Network, settings: Settings) -> Result<Model, String> {
    let part = |key: &str| Settings(settings.get(key));
    let (mapping, synthesis) = (part("mapping_kwargs"), part("synthesis_kwargs"));
    let mut config = GeneratorConfig::stylegan2_f();
    config.synthesis.resolution = resolution(settings, synthesis)?;
    config.synthesis.channels = settings.size("img_channels", 3);
    // Counted from the resolution there, from half of it here.
    config.synthesis.fmap_base = synthesis.size("channel_base", 32768) / 2;
    config.synthesis.fmap_max = synthesis.size("channel_max", 512);
    config.synthesis.use_noise = synthesis.flag("use_noise", true);
    config.synthesis.stylegan2 = Some(architecture(network, config.synthesis.resolution, "torgb"));
    config.mapping.z_dim = settings.size("z_dim", 512);
    config.mapping.w_dim = settings.size("w_dim", 512);
    config.synthesis.w_dim = config.mapping.w_dim;
    config.mapping.hidden_dim = mapping.size("layer_features", config.mapping.w_dim);
    config.mapping.layers = mapping.size("num_layers", 8);
    config.mapping.lr_multiplier = mapping.number("lr_multiplier", 0.01);
    config.mapping.label_dim = settings.size("c_dim", 0);
    Ok(Model::Generator(config))
}

fn discriminator(network: &Network, settings: Settings) -> Result<Model, String> {
    let part = |key: &str| Settings(settings.get(key));
    let epilogue = part("epilogue_kwargs");
    let resolution = resolution(settings, part("block_kwargs"))?;
    Ok(Model::Discriminator(DiscriminatorConfig {
        resolution,
        channels: settings.size("img_channels", 3),
        label_dim: settings.size("c_dim", 0),
        fmap_base: settings.size("channel_base", 32768) / 2,
        fmap_max: settings.size("channel_max", 512),
        mbstd_group_size: epilogue.size("mbstd_group_size", 4),
        mbstd_features: epilogue.size("mbstd_num_channels", 1),
        structure: Structure::Fixed,
        stylegan2: Some(architecture(network, resolution, "fromrgb")),
        ..DiscriminatorConfig::default()
    }))
}
