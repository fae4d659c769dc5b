//! rosinality's style-based-gan-pytorch. Its arithmetic differs from the official network's: the equalized learning rate has
//! gain sqrt(2) everywhere, also for styles, toRGB, noise and the last layer; mapping layers learn at the full rate;
//! the scale half of a style bias includes the 1 that is natively added; fused upscaling divides by four. All that is
//! converted by rescaling. Two things are not a matter of scale and become settings of the network: biases are added
//! before the blur, and instance norm has an epsilon of 1e-5. One noise map serves both layers of a resolution; files
//! hold none, so both get the same. Its discriminator is another network and is refused.

use std::collections::BTreeMap;

use stylegan_checkpoint::pickle::Tensor;

use super::{Known, Settings, infer};
use crate::layout::{Layout, Numbers};
use crate::table::{Rule, Table, rule};
use crate::{Dialect, Model, Network, Role};

/// Where upscaling and downscaling are fused from.
const FUSED: usize = 128;

/// Its mapping network has no reduced learning rate.
const FULL_RATE: Numbers = Numbers::Times(|_| 1.0 / 0.01);

/// The gain that layers without activation natively lack.
const EXTRA_GAIN: Numbers = Numbers::Times(|_| std::f64::consts::SQRT_2);

/// Noise weights have an equalized learning rate; natively none.
const NOISE: Numbers = Numbers::Times(|shape| (2.0 / shape[0] as f64).sqrt());

/// `[C]` as `[1, C, 1, 1]`.
const CHANNELS: Layout = Layout::reshaped(|shape| vec![1, shape[0], 1, 1]);

const STYLE: &[Rule] = &[
    rule("style.{2i+1}.linear.weight_orig", "mapping.dense{i}.weight").numbers(FULL_RATE),
    rule("style.{2i+1}.linear.bias", "mapping.dense{i}.bias").numbers(FULL_RATE),
];

const SYNTHESIS: &[Rule] = &[
    rule("generator.progression.0.conv1.input", "synthesis.b4.const"),
    rule("generator.progression.{block}.conv1.1.conv.weight_orig", "synthesis.b{R}.conv0.weight")
        .below(FUSED),
    rule("generator.progression.{block}.conv1.0.weight", "synthesis.b{R}.conv0.weight")
        .layout(Layout::IOHW)
        .numbers(Numbers::Times(|_| 0.25))
        .from(FUSED),
    rule("generator.progression.{block}.conv1.2.weight", "synthesis.b{R}.conv0.blur.kernel")
        .below(FUSED),
    rule("generator.progression.{block}.conv1.1.weight", "synthesis.b{R}.conv0.blur.kernel")
        .from(FUSED),
    rule("generator.progression.{block}.conv1.1.conv.bias", "synthesis.b{R}.conv0.bias")
        .from(8)
        .below(FUSED),
    rule("generator.progression.{block}.conv1.0.bias", "synthesis.b{R}.conv0.bias").from(FUSED),
    rule("generator.progression.{block}.noise1.weight_orig", "synthesis.b{R}.conv0.noise.weight")
        .layout(CHANNELS)
        .numbers(NOISE),
    rule(
        "generator.progression.{block}.adain1.style.linear.weight_orig",
        "synthesis.b{R}.conv0.style.weight",
    )
    .numbers(EXTRA_GAIN),
    rule(
        "generator.progression.{block}.adain1.style.linear.bias",
        "synthesis.b{R}.conv0.style.bias",
    )
    .numbers(Numbers::ScaleMinusOne),
    rule("generator.progression.{block}.conv2.conv.weight_orig", "synthesis.b{R}.conv1.weight"),
    rule("generator.progression.{block}.conv2.conv.bias", "synthesis.b{R}.conv1.bias"),
    rule("generator.progression.{block}.noise2.weight_orig", "synthesis.b{R}.conv1.noise.weight")
        .layout(CHANNELS)
        .numbers(NOISE),
    rule(
        "generator.progression.{block}.adain2.style.linear.weight_orig",
        "synthesis.b{R}.conv1.style.weight",
    )
    .numbers(EXTRA_GAIN),
    rule(
        "generator.progression.{block}.adain2.style.linear.bias",
        "synthesis.b{R}.conv1.style.bias",
    )
    .numbers(Numbers::ScaleMinusOne),
    rule("generator.to_rgb.{block}.conv.weight_orig", "synthesis.b{R}.to_rgb.weight")
        .numbers(EXTRA_GAIN),
    rule("generator.to_rgb.{block}.conv.bias", "synthesis.b{R}.to_rgb.bias"),
];

pub(super) const GENERATOR: Table = Table {
    rules: &[STYLE, SYNTHESIS],
    // Kernels of the blur, and their mirror images.
    ignored: &[
        "generator.progression.{i}.conv1.1.weight",
        "generator.progression.{i}.conv1.2.weight",
        "*.weight_flip",
    ],
    // The bias of the constant is the constant's own.
    optional: &["w_avg", "synthesis.b{R}.conv{i}.noise.const", "synthesis.b4.conv0.bias"],
};

/// Nothing of the discriminator is converted.
const NOTHING: Table = Table { rules: &[], ignored: &[], optional: &[] };

pub(super) fn kind(tensors: &BTreeMap<String, Tensor>) -> Option<Known> {
    let has = |name: &str| tensors.contains_key(name);
    if has("generator.progression.0.conv1.input") {
        return Some((Dialect::RosinalityStyleGan, &GENERATOR, generator, Role::Generator));
    }
    let known = has("progression.0.conv1.0.conv.weight_orig");
    known.then_some((Dialect::RosinalityStyleGan, &NOTHING, discriminator, Role::Discriminator))
}

fn generator(network: &Network, _: Settings) -> Result<Model, String> {
    let blocks = infer::count(network, "generator.to_rgb.{i}.conv.bias");
    let maps =
        |block| infer::dim(network, &format!("generator.to_rgb.{block}.conv.weight_orig"), 1);
    let maps: Vec<usize> = (0..blocks).map(maps).collect::<Result<_, _>>()?;
    let channels = infer::dim(network, "generator.to_rgb.0.conv.bias", 0)?;
    // Its mapping layers have odd numbers; an odd number of any is enough to know the shapes.
    let layers = (0..32).take_while(|i| {
        network.tensors.contains_key(&format!("style.{}.linear.weight_orig", 2 * i + 1))
    });
    let layers = layers.count();
    if layers == 0 {
        return Err("it has no mapping network (`style.1.linear.weight_orig`)".to_owned());
    }
    let mut config = stylegan::GeneratorConfig::config_f();
    config.mapping.layers = layers;
    config.mapping.z_dim = infer::dim(network, "style.1.linear.weight_orig", 1)?;
    config.mapping.hidden_dim = infer::dim(network, "style.1.linear.weight_orig", 0)?;
    config.mapping.w_dim = config.mapping.hidden_dim;
    config.synthesis.w_dim = config.mapping.w_dim;
    config.synthesis.channels = channels;
    config.synthesis.resolution = infer::resolution(maps.len())?;
    (config.synthesis.fmap_base, config.synthesis.fmap_max) = infer::feature_maps(&maps);
    config.synthesis.norm_epsilon = 1e-5;
    config.synthesis.bias_before_blur = true;
    config.synthesis.custom_blur = !blurs_as_usual(network);
    Ok(Model::Generator(config))
}

/// Whether all kernels of the blurs are `[1, 2, 1]` in both directions, as far as the file has them.
fn blurs_as_usual(network: &Network) -> bool {
    let taps = [1.0f32, 2.0, 1.0];
    let usual: Vec<f32> = taps.iter().flat_map(|a| taps.map(|b| a * b / 16.0)).collect();
    let is_kernel = |name: &str| {
        let block = name.strip_prefix("generator.progression.");
        let layer = block.and_then(|rest| rest.split_once('.')).map(|(_, layer)| layer);
        matches!(layer, Some("conv1.2.weight" | "conv1.1.weight"))
    };
    let mut kernels = network.tensors.iter().filter(|(name, _)| is_kernel(name));
    kernels.all(|(_, tensor)| {
        let near = |(value, usual): (&f32, &f32)| (value - usual).abs() < 1e-6;
        tensor.to_f32().chunks(9).all(|kernel| kernel.iter().zip(&usual).all(near))
    })
}

/// Its discriminator cannot be had: the reason.
fn discriminator(_: &Network, _: Settings) -> Result<Model, String> {
    let reason = "the blocks of rosinality's discriminator get wider in their first convolution, the official ones in \
                  their second, so that it is another network and no renaming or rescaling makes it one of these";
    Err(reason.to_owned())
}
