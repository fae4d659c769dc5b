//! The official TensorFlow pickles: a tuple `(G, D, Gs)` of `Network` objects, or one such object (the attribute
//! classifiers). An object holds its settings, its components, the source text of the function that built it, and a
//! list of names and arrays.

use std::collections::BTreeMap;

use stylegan::{
    Architecture, DiscriminatorConfig, Downscale, FusedScale, GeneratorConfig, LabelHead, Structure,
};
use stylegan_checkpoint::pickle::{Tensor, Value};

use super::official_networks as tables;
use super::{Kind, Recognised, Settings, usual_filter};
use crate::table::Table;
use crate::{Dialect, Model, Network, Role};

/// Components inside each other: mapping and synthesis inside the generator.
const DEEPEST: usize = 3;

pub(super) fn recognise(root: Value<'_>) -> Recognised<'_> {
    let networks = if is_network(root) {
        vec![(Role::Generator, root)]
    } else {
        let items = root.items().filter(|items| items.iter().all(|item| is_network(*item)))?;
        let &[generator, discriminator, average] = items.as_slice() else { return None };
        vec![
            (Role::Generator, generator),
            (Role::Discriminator, discriminator),
            (Role::Ema, average),
        ]
    };
    let alone = networks.len() == 1;
    let networks: Vec<Network> = networks
        .into_iter()
        .map(|(role, value)| network(role, value, alone))
        .collect::<Option<_>>()?;
    Some((Dialect::OfficialTensorFlow, networks))
}

fn is_network(value: Value) -> bool {
    value.class().is_some_and(|(_, name)| name == "Network") && value.state().is_some()
}

fn network(role: Role, value: Value<'_>, alone: bool) -> Option<Network<'_>> {
    let state = value.state()?;
    let mut tensors = BTreeMap::new();
    variables(value, "", DEEPEST, &mut tensors)?;
    let first = value.class()?.0.ends_with("tfutil");
    let (table, configure, is_discriminator) = understand(&tensors, first)?;
    let role = match (alone, is_discriminator) {
        (true, true) => Role::Discriminator,
        (true, false) => Role::Ema,
        (false, _) => role,
    };
    let settings = Settings(state.get("static_kwargs"));
    let name = state.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut network = Network::new(role, name, tensors, Kind { table, configure, settings });
    network.settings = settings.shown();
    if let Some(function) = state.get("build_func_name").and_then(Value::as_str) {
        network.settings.insert("build_func_name".to_owned(), function.to_owned());
    }
    Some(network)
}

/// The variables of a network and its components, under the components' names.
fn variables<'a>(
    network: Value<'a>,
    prefix: &str,
    depth: usize,
    tensors: &mut BTreeMap<String, Tensor<'a>>,
) -> Option<()> {
    let state = network.state()?;
    for pair in state.get("variables").and_then(Value::items).unwrap_or_default() {
        let pair = pair.items()?;
        let (name, value) = (pair.first()?.as_str()?, pair.get(1)?.tensor()?);
        tensors.insert(format!("{prefix}{name}"), value);
    }
    let components = state.get("components").and_then(Value::entries).unwrap_or_default();
    for (name, component) in components {
        let prefix = format!("{prefix}{}/", name.as_str()?);
        variables(component, &prefix, depth.checked_sub(1)?, tensors)?;
    }
    Some(())
}

type Understood = (&'static Table, fn(&Network, Settings) -> Result<Model, String>, bool);

/// Which of the official networks has these variables; `first` for those of Progressive GAN's own repository.
fn understand(tensors: &BTreeMap<String, Tensor>, first: bool) -> Option<Understood> {
    let has = |name: &str| tensors.contains_key(name);
    let any = |end: &str| tensors.keys().any(|name| name.ends_with(end));
    Some(if has("synthesis/4x4/Conv/mod_weight") {
        (&tables::STYLEGAN2_GENERATOR, stylegan2_generator, false)
    } else if has("synthesis/4x4/Const/const") {
        (&tables::GENERATOR, generator, false)
    } else if has("synthesis/4x4/Dense/weight") {
        (&tables::GENERATOR_DENSE, generator, false)
    } else if has("Output/weight") {
        (&tables::STYLEGAN2_DISCRIMINATOR, stylegan2_discriminator, true)
    } else if has("4x4/Dense/weight") && any("Conv0/weight") {
        (&tables::PROGRESSIVE_UNFUSED, progressive_generator, false)
    } else if has("4x4/Dense/weight") && first {
        (&tables::PROGRESSIVE_FIRST, progressive_generator, false)
    } else if has("4x4/Dense/weight") {
        (&tables::PROGRESSIVE_FUSED, progressive_generator, false)
    } else if has("4x4/Dense1/weight") && any("Conv1_down/weight") {
        (&tables::DISCRIMINATOR, discriminator, true)
    } else if has("4x4/Dense1/weight") {
        (&tables::DISCRIMINATOR_UNFUSED, discriminator, true)
    } else {
        return None;
    })
}

fn fused_scale(settings: Settings) -> FusedScale {
    match settings.get("fused_scale").and_then(Value::as_bool) {
        Some(true) => FusedScale::True,
        Some(false) => FusedScale::False,
        None => FusedScale::Auto,
    }
}

/// The full resolution: what the settings say, with the finest layer as witness.
fn resolution(network: &Network, settings: Settings, layer: &str) -> Result<usize, String> {
    let mut sizes = (3..=10).map(|log| 1usize << log);
    let finest =
        sizes.rfind(|size| network.tensors.contains_key(&layer.replace("{R}", &size.to_string())));
    let finest = finest.ok_or("it has no layer above 4x4")?;
    let said = settings.size("resolution", finest);
    if said != finest {
        return Err(format!(
            "its settings say {said}x{said}, but its layers reach {finest}x{finest}"
        ));
    }
    Ok(finest)
}

fn structure(network: &Network, rgb: &str) -> Structure {
    if network.tensors.contains_key(rgb) { Structure::Growing } else { Structure::Fixed }
}

fn blurs(settings: Settings) -> Result<bool, String> {
    // The setting is there only when it differs from the default.
    let filter = settings.0.and_then(|all| all.get("blur_filter"));
    let Some(filter) = filter else { return Ok(true) };
    if filter.is_none() {
        return Ok(false);
    }
    let taps = filter.items().map(|taps| taps.iter().map(|tap| tap.as_i64()).collect::<Vec<_>>());
    match taps.as_deref() {
        Some([]) => Ok(false),
        Some([Some(1), Some(2), Some(1)]) => Ok(true),
        _ => Err(format!("its blur filter is {}, and only [1, 2, 1] is known", filter.shown())),
    }
}

fn generator(network: &Network, settings: Settings) -> Result<Model, String> {
    let mut config = GeneratorConfig::config_f();
    let mapping = &mut config.mapping;
    mapping.z_dim = settings.size("latent_size", 512);
    mapping.w_dim = settings.size("dlatent_size", 512);
    mapping.hidden_dim = settings.size("mapping_fmaps", 512);
    mapping.layers = settings.size("mapping_layers", 8);
    mapping.lr_multiplier = settings.number("mapping_lrmul", 0.01);
    mapping.label_dim = settings.size("label_size", 0);
    mapping.normalize_latents = settings.flag("normalize_latents", true);
    let synthesis = &mut config.synthesis;
    synthesis.resolution = resolution(network, settings, "synthesis/{R}x{R}/Conv1/weight")?;
    synthesis.channels = settings.size("num_channels", 3);
    synthesis.w_dim = mapping.w_dim;
    synthesis.fmap_base = settings.size("fmap_base", 8192);
    synthesis.fmap_decay = settings.number("fmap_decay", 1.0);
    synthesis.fmap_max = settings.size("fmap_max", 512);
    synthesis.use_styles = settings.flag("use_styles", true);
    synthesis.const_input = settings.flag("const_input_layer", true);
    synthesis.use_noise = settings.flag("use_noise", true);
    synthesis.pixel_norm = settings.flag("use_pixel_norm", false);
    synthesis.instance_norm = settings.flag("use_instance_norm", true);
    synthesis.blur = blurs(settings)?;
    synthesis.fused_scale = fused_scale(settings);
    let blocks = synthesis.resolution.ilog2() - 2;
    synthesis.structure = structure(network, &format!("synthesis/ToRGB_lod{blocks}/weight"));
    Ok(Model::Generator(config))
}

fn progressive_generator(network: &Network, settings: Settings) -> Result<Model, String> {
    if settings.size("label_size", 0) > 0 {
        let reason = "conditional generators of Progressive GAN concatenate labels to the latent, \
                      which is not known here";
        return Err(reason.to_owned());
    }
    let mut config = GeneratorConfig::config_a();
    let synthesis = &mut config.synthesis;
    synthesis.resolution = resolution(network, settings, "{R}x{R}/Conv1/weight")?;
    synthesis.channels = settings.size("num_channels", 3);
    synthesis.fmap_base = settings.size("fmap_base", 8192);
    synthesis.fmap_decay = settings.number("fmap_decay", 1.0);
    synthesis.fmap_max = settings.size("fmap_max", 512);
    let fused = network.tensors.contains_key("8x8/Conv0_up/weight");
    synthesis.fused_scale = if fused { FusedScale::True } else { FusedScale::False };
    let blocks = synthesis.resolution.ilog2() - 2;
    synthesis.structure = structure(network, &format!("ToRGB_lod{blocks}/weight"));
    // Unless it is set, the latent is as wide as the first block.
    let widest = synthesis.feature_maps().of_stage(0);
    let z_dim = settings.size("latent_size", widest);
    synthesis.w_dim = z_dim;
    (config.mapping.z_dim, config.mapping.w_dim) = (z_dim, z_dim);
    config.mapping.normalize_latents = settings.flag("normalize_latents", true);
    Ok(Model::Generator(config))
}

fn discriminator(network: &Network, settings: Settings) -> Result<Model, String> {
    let function = network.settings.get("build_func_name").map(String::as_str).unwrap_or_default();
    // Progressive GAN's are called D_paper; everything else of this shape is StyleGAN's D_basic.
    let progressive = function == "D_paper";
    let fused = network.tensors.keys().any(|name| name.ends_with("Conv1_down/weight"));
    let resolution = resolution(network, settings, "{R}x{R}/Conv0/weight")?;
    let blocks = resolution.ilog2() - 2;
    Ok(Model::Discriminator(DiscriminatorConfig {
        resolution,
        channels: settings.size("num_channels", 3),
        label_dim: settings.size("label_size", 0),
        label_head: if progressive { LabelHead::AcGan } else { LabelHead::Switch },
        fmap_base: settings.size("fmap_base", 8192),
        fmap_decay: settings.number("fmap_decay", 1.0),
        fmap_max: settings.size("fmap_max", 512),
        blur: !progressive && blurs(settings)?,
        downscale: if fused { Downscale::InConvolution } else { Downscale::AfterActivation },
        mbstd_group_size: settings.size("mbstd_group_size", 4),
        mbstd_features: settings.size("mbstd_num_features", 1),
        structure: structure(network, &format!("FromRGB_lod{blocks}/weight")),
        ..DiscriminatorConfig::default()
    }))
}

fn architecture(network: &Network, prefix: &str, resolution: usize, rgb: &str) -> Architecture {
    let has = |layer: &str, size: usize| {
        network.tensors.contains_key(&format!("{prefix}{size}x{size}/{layer}/weight"))
    };
    match (has("Skip", resolution), has(rgb, resolution / 2)) {
        (true, _) => Architecture::Resnet,
        (_, true) => Architecture::Skip,
        _ => Architecture::Orig,
    }
}

fn stylegan2_generator(network: &Network, settings: Settings) -> Result<Model, String> {
    if settings.size("label_size", 0) > 0 {
        return Err("conditional generators of the TensorFlow StyleGAN2 are not known".to_owned());
    }
    usual_filter(settings.get("resample_kernel"))?;
    let resolution = resolution(network, settings, "synthesis/{R}x{R}/Conv1/weight")?;
    let mut config = GeneratorConfig::stylegan2_f();
    let mapping = &mut config.mapping;
    mapping.z_dim = settings.size("latent_size", 512);
    mapping.w_dim = settings.size("dlatent_size", 512);
    mapping.hidden_dim = settings.size("mapping_fmaps", 512);
    mapping.layers = settings.size("mapping_layers", 8);
    mapping.lr_multiplier = settings.number("mapping_lrmul", 0.01);
    mapping.normalize_latents = settings.flag("normalize_latents", true);
    let synthesis = &mut config.synthesis;
    synthesis.resolution = resolution;
    synthesis.channels = settings.size("num_channels", 3);
    synthesis.w_dim = mapping.w_dim;
    synthesis.fmap_base = settings.size("fmap_base", 16384);
    synthesis.fmap_decay = settings.number("fmap_decay", 1.0);
    synthesis.fmap_max = settings.size("fmap_max", 512);
    synthesis.stylegan2 = Some(architecture(network, "synthesis/", resolution, "ToRGB"));
    Ok(Model::Generator(config))
}

fn stylegan2_discriminator(network: &Network, settings: Settings) -> Result<Model, String> {
    if settings.size("label_size", 0) > 0 {
        return Err(
            "conditional discriminators of the TensorFlow StyleGAN2 are not known".to_owned()
        );
    }
    usual_filter(settings.get("resample_kernel"))?;
    let resolution = resolution(network, settings, "{R}x{R}/Conv0/weight")?;
    Ok(Model::Discriminator(DiscriminatorConfig {
        resolution,
        channels: settings.size("num_channels", 3),
        fmap_base: settings.size("fmap_base", 16384),
        fmap_decay: settings.number("fmap_decay", 1.0),
        fmap_max: settings.size("fmap_max", 512),
        mbstd_group_size: settings.size("mbstd_group_size", 4),
        mbstd_features: settings.size("mbstd_num_features", 1),
        structure: Structure::Fixed,
        stylegan2: Some(architecture(network, "", resolution, "FromRGB")),
        ..DiscriminatorConfig::default()
    }))
}
