//! The official TensorFlow networks' tables of names.

use crate::layout::{Layout, Numbers};
use crate::table::{Rule, Table, rule};

/// A layer with what follows it: weight, bias, noise, style.
macro_rules! layer {
    ($foreign:literal, $native:literal) => {
        &[
            rule(concat!($foreign, "/weight"), concat!($native, ".weight")).layout(Layout::HWIO),
            rule(concat!($foreign, "/bias"), concat!($native, ".bias")),
            rule(concat!($foreign, "/Noise/weight"), concat!($native, ".noise.weight")),
            rule(concat!($foreign, "/StyleMod/weight"), concat!($native, ".style.weight"))
                .layout(Layout::TRANSPOSED),
            rule(concat!($foreign, "/StyleMod/bias"), concat!($native, ".style.bias")),
        ]
    };
}

const MAPPING: &[Rule] = &[
    rule("mapping/Dense{i}/weight", "mapping.dense{i}.weight").layout(Layout::TRANSPOSED),
    rule("mapping/Dense{i}/bias", "mapping.dense{i}.bias"),
    rule("mapping/LabelConcat/weight", "mapping.label.weight"),
    rule("dlatent_avg", "w_avg"),
];

const SYNTHESIS: &[Rule] = &[
    rule("synthesis/noise{2block}", "synthesis.b{R}.conv0.noise.const"),
    rule("synthesis/noise{2block+1}", "synthesis.b{R}.conv1.noise.const"),
    rule("synthesis/4x4/Const/const", "synthesis.b4.const"),
    rule("synthesis/4x4/Dense/weight", "synthesis.b4.dense.weight").layout(Layout::TRANSPOSED),
    rule("synthesis/ToRGB_lod{lod}/weight", "synthesis.b{R}.to_rgb.weight").layout(Layout::HWIO),
    rule("synthesis/ToRGB_lod{lod}/bias", "synthesis.b{R}.to_rgb.bias"),
];

const CONST_INPUT: &[Rule] = layer!("synthesis/4x4/Const", "synthesis.b4.conv0");
const DENSE_INPUT: &[Rule] = layer!("synthesis/4x4/Dense", "synthesis.b4.conv0");
const BASE: &[Rule] = layer!("synthesis/4x4/Conv", "synthesis.b4.conv1");
const BLOCKS0: &[Rule] = layer!("synthesis/{R}x{R}/Conv0_up", "synthesis.b{R}.conv0");
const BLOCKS1: &[Rule] = layer!("synthesis/{R}x{R}/Conv1", "synthesis.b{R}.conv1");

const GENERATOR_IGNORED: &[&str] = &["lod", "synthesis/lod"];

/// StyleGAN's generator, which begins with a constant (configurations D to F).
pub(crate) const GENERATOR: Table = Table {
    rules: &[MAPPING, SYNTHESIS, CONST_INPUT, BASE, BLOCKS0, BLOCKS1],
    ignored: GENERATOR_IGNORED,
    optional: &["w_avg"],
};

/// StyleGAN's generator, which begins with a dense layer (B and C).
pub(crate) const GENERATOR_DENSE: Table = Table {
    rules: &[MAPPING, SYNTHESIS, DENSE_INPUT, BASE, BLOCKS0, BLOCKS1],
    ignored: GENERATOR_IGNORED,
    optional: &["w_avg"],
};

const PROGRESSIVE: &[Rule] = &[
    rule("4x4/Dense/weight", "synthesis.b4.dense.weight").layout(Layout::TRANSPOSED),
    rule("4x4/Dense/bias", "synthesis.b4.conv0.bias"),
    rule("4x4/Conv/weight", "synthesis.b4.conv1.weight").layout(Layout::HWIO),
    rule("4x4/Conv/bias", "synthesis.b4.conv1.bias"),
    rule("{R}x{R}/Conv1/weight", "synthesis.b{R}.conv1.weight").layout(Layout::HWIO),
    rule("{R}x{R}/Conv1/bias", "synthesis.b{R}.conv1.bias"),
    rule("ToRGB_lod{lod}/weight", "synthesis.b{R}.to_rgb.weight").layout(Layout::HWIO),
    rule("ToRGB_lod{lod}/bias", "synthesis.b{R}.to_rgb.bias"),
];

const UNFUSED: &[Rule] = &[
    rule("{R}x{R}/Conv0/weight", "synthesis.b{R}.conv0.weight").layout(Layout::HWIO),
    rule("{R}x{R}/Conv0/bias", "synthesis.b{R}.conv0.bias"),
];

const FUSED: &[Rule] = &[
    rule("{R}x{R}/Conv0_up/weight", "synthesis.b{R}.conv0.weight").layout(Layout::HWIO),
    rule("{R}x{R}/Conv0_up/bias", "synthesis.b{R}.conv0.bias"),
];

/// The first repository stores the fused kernel as TensorFlow's transposed convolution takes it.
const FUSED_FIRST: &[Rule] = &[
    rule("{R}x{R}/Conv0_up/weight", "synthesis.b{R}.conv0.weight").layout(Layout::HWOI),
    rule("{R}x{R}/Conv0_up/bias", "synthesis.b{R}.conv0.bias"),
];

/// Progressive GAN's generator without fused upscaling.
pub(crate) const PROGRESSIVE_UNFUSED: Table =
    Table { rules: &[PROGRESSIVE, UNFUSED], ignored: &["lod"], optional: &["w_avg"] };

/// With it, as StyleGAN's repository trains it.
pub(crate) const PROGRESSIVE_FUSED: Table =
    Table { rules: &[PROGRESSIVE, FUSED], ignored: &["lod"], optional: &["w_avg"] };

/// With it, as Progressive GAN's own repository does.
pub(crate) const PROGRESSIVE_FIRST: Table =
    Table { rules: &[PROGRESSIVE, FUSED_FIRST], ignored: &["lod"], optional: &["w_avg"] };

/// Two names for a halving convolution: fused or not, which is the same function of the same weight.
macro_rules! discriminator {
    ($conv1:literal) => {
        &[
            rule("FromRGB_lod{lod}/weight", "b{R}.from_rgb.weight").layout(Layout::HWIO),
            rule("FromRGB_lod{lod}/bias", "b{R}.from_rgb.bias"),
            rule("{R}x{R}/Conv0/weight", "b{R}.conv0.weight").layout(Layout::HWIO),
            rule("{R}x{R}/Conv0/bias", "b{R}.conv0.bias"),
            rule(concat!("{R}x{R}/", $conv1, "/weight"), "b{R}.conv1.weight").layout(Layout::HWIO),
            rule(concat!("{R}x{R}/", $conv1, "/bias"), "b{R}.conv1.bias"),
            rule("4x4/Conv/weight", "b4.conv.weight").layout(Layout::HWIO),
            rule("4x4/Conv/bias", "b4.conv.bias"),
            rule("4x4/Dense{i}/weight", "b4.dense{i}.weight").layout(Layout::TRANSPOSED),
            rule("4x4/Dense{i}/bias", "b4.dense{i}.bias"),
        ]
    };
}

const DOWN: &[Rule] = discriminator!("Conv1_down");
const THEN_DOWN: &[Rule] = discriminator!("Conv1");

/// The discriminator of StyleGAN, of Progressive GAN with fused downscaling, and the attribute classifiers.
pub(crate) const DISCRIMINATOR: Table = Table { rules: &[DOWN], ignored: &["lod"], optional: &[] };

/// Progressive GAN's discriminator without.
pub(crate) const DISCRIMINATOR_UNFUSED: Table =
    Table { rules: &[THEN_DOWN], ignored: &["lod"], optional: &[] };

/// A modulated layer of StyleGAN2.
macro_rules! modulated {
    ($foreign:literal, $native:literal, $layout:expr) => {
        &[
            rule(concat!($foreign, "/weight"), concat!($native, ".weight")).layout($layout),
            rule(concat!($foreign, "/bias"), concat!($native, ".bias")),
            rule(concat!($foreign, "/noise_strength"), concat!($native, ".noise.strength")),
            rule(concat!($foreign, "/mod_weight"), concat!($native, ".style.weight"))
                .layout(Layout::TRANSPOSED),
            rule(concat!($foreign, "/mod_bias"), concat!($native, ".style.bias"))
                .numbers(Numbers::PlusOne),
        ]
    };
}

const MAPPING2: &[Rule] = &[
    rule("mapping/Dense{i}/weight", "mapping.dense{i}.weight").layout(Layout::TRANSPOSED),
    rule("mapping/Dense{i}/bias", "mapping.dense{i}.bias"),
    rule("dlatent_avg", "w_avg"),
    rule("synthesis/4x4/Const/const", "synthesis.b4.const"),
    rule("synthesis/noise0", "synthesis.b4.conv1.noise.const"),
    rule("synthesis/noise{2block-1}", "synthesis.b{R}.conv0.noise.const"),
    rule("synthesis/noise{2block}", "synthesis.b{R}.conv1.noise.const"),
    rule("synthesis/{R}x{R}/Skip/weight", "synthesis.b{R}.skip.weight")
        .layout(Layout::HWIO_FLIPPED),
];

const BASE2: &[Rule] = modulated!("synthesis/4x4/Conv", "synthesis.b4.conv1", Layout::HWIO);
const BLOCKS20: &[Rule] =
    modulated!("synthesis/{R}x{R}/Conv0_up", "synthesis.b{R}.conv0", Layout::HWIO_FLIPPED);
const BLOCKS21: &[Rule] =
    modulated!("synthesis/{R}x{R}/Conv1", "synthesis.b{R}.conv1", Layout::HWIO);
const RGB2: &[Rule] = modulated!("synthesis/{R}x{R}/ToRGB", "synthesis.b{R}.to_rgb", Layout::HWIO);

/// StyleGAN2's generator.
pub(crate) const STYLEGAN2_GENERATOR: Table = Table {
    rules: &[MAPPING2, BASE2, BLOCKS20, BLOCKS21, RGB2],
    ignored: &["lod", "synthesis/lod"],
    optional: &["w_avg"],
};

const LAYERS2: &[Rule] = &[
    rule("{R}x{R}/FromRGB/weight", "b{R}.from_rgb.weight").layout(Layout::HWIO),
    rule("{R}x{R}/FromRGB/bias", "b{R}.from_rgb.bias"),
    rule("{R}x{R}/Conv0/weight", "b{R}.conv0.weight").layout(Layout::HWIO),
    rule("{R}x{R}/Conv0/bias", "b{R}.conv0.bias"),
    rule("{R}x{R}/Conv1_down/weight", "b{R}.conv1.weight").layout(Layout::HWIO),
    rule("{R}x{R}/Conv1_down/bias", "b{R}.conv1.bias"),
    rule("{R}x{R}/Skip/weight", "b{R}.skip.weight").layout(Layout::HWIO),
    rule("4x4/Conv/weight", "b4.conv.weight").layout(Layout::HWIO),
    rule("4x4/Conv/bias", "b4.conv.bias"),
    rule("4x4/Dense0/weight", "b4.dense0.weight").layout(Layout::TRANSPOSED),
    rule("4x4/Dense0/bias", "b4.dense0.bias"),
    rule("Output/weight", "b4.dense1.weight").layout(Layout::TRANSPOSED),
    rule("Output/bias", "b4.dense1.bias"),
];

/// StyleGAN2's discriminator.
pub(crate) const STYLEGAN2_DISCRIMINATOR: Table =
    Table { rules: &[LAYERS2], ignored: &["lod"], optional: &[] };
