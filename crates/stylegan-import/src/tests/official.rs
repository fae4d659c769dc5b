//! Layouts of TensorFlow's networks that no golden file has: written by the reverse of the table, with another program's
//! rules for shapes, and read back.

use stylegan::{
    Architecture, DiscriminatorConfig, Downscale, FusedScale, GeneratorConfig, LabelHead, Structure,
};

use super::pickler::{self, Item};
use super::*;
use crate::Dialect;
use crate::dialects::official_networks as tables;
use crate::table::Table;

fn open(bytes: Vec<u8>) -> Document {
    Document::from_bytes(Path::new("made.pkl"), bytes, &Limits::default()).unwrap()
}

/// Writes a native network in TensorFlow's layout, reads it back and compares every number.
#[track_caller]
fn round_trip(
    model: Model,
    table: &Table,
    module: &str,
    function: &str,
    settings: &[(&str, Item)],
) {
    let native = pickler::synthetic(model);
    let shapes = native.model.shapes().unwrap();
    let rules = table.reversed(&shapes, native.model.blocks());
    let variables = pickler::variables(&native, rules);
    let network = pickler::network(module, function, settings, &variables);
    let document = open(pickler::file(&[network]));
    let contents = Contents::of(&document).unwrap();
    assert_eq!(contents.dialect, Dialect::OfficialTensorFlow);
    let converted = contents.convert(&contents.networks[0]).unwrap();
    assert_eq!(converted.model, native.model);
    for (name, expected) in &native.tensors {
        // Traditional networks have no average of w in their files.
        if name == "w_avg" && !variables.contains_key("dlatent_avg") {
            continue;
        }
        close(name, &converted.tensors[name], expected);
    }
}

fn sizes() -> Vec<(&'static str, Item)> {
    let ints = [("resolution", 16), ("fmap_base", 64), ("fmap_max", 12), ("latent_size", 12)];
    ints.into_iter().map(|(key, value)| (key, Item::Int(value))).collect()
}

fn small(mut config: GeneratorConfig) -> GeneratorConfig {
    config.mapping.z_dim = 12;
    config.mapping.w_dim = 12;
    config.mapping.hidden_dim = 12;
    config.synthesis.w_dim = 12;
    config.synthesis.resolution = 16;
    config.synthesis.fmap_base = 64;
    config.synthesis.fmap_max = 12;
    config
}

#[test]
fn configurations_b_to_f_by_their_settings() {
    let tf = "dnnlib.tflib.network";
    let with = |flags: &[(&'static str, Item)]| {
        let mut all = sizes();
        all.push(("dlatent_size", Item::Int(12)));
        all.push(("mapping_fmaps", Item::Int(12)));
        all.extend(flags.iter().map(|(key, item)| {
            let item = match item {
                Item::Int(value) => Item::Int(*value),
                Item::Bool(value) => Item::Bool(*value),
            };
            (*key, item)
        }));
        all
    };
    let off = |key| (key, Item::Bool(false));
    let mut f = small(GeneratorConfig::config_f());
    f.mapping.label_dim = 3;
    f.mapping.layers = 4;
    f.mapping.lr_multiplier = 0.01;
    let labels = with(&[("label_size", Item::Int(3)), ("mapping_layers", Item::Int(4))]);
    round_trip(Model::Generator(f), &tables::GENERATOR, tf, "G_style", &labels);
    let d = small(GeneratorConfig::config_d());
    round_trip(Model::Generator(d), &tables::GENERATOR, tf, "G_style", &with(&[off("use_noise")]));
    let c = small(GeneratorConfig::config_c());
    let flags = with(&[off("use_noise"), off("const_input_layer")]);
    round_trip(Model::Generator(c), &tables::GENERATOR_DENSE, tf, "G_style", &flags);
    let mut b = small(GeneratorConfig::config_b());
    b.synthesis.use_noise = true;
    let flags = with(&[
        off("use_styles"),
        off("const_input_layer"),
        off("use_instance_norm"),
        ("use_pixel_norm", Item::Bool(true)),
        ("mapping_layers", Item::Int(0)),
    ]);
    round_trip(Model::Generator(b), &tables::GENERATOR_DENSE, tf, "G_style", &flags);
}

#[test]
fn progressive_gan_of_either_repository() {
    let model = |fused| {
        let mut config = small(GeneratorConfig::config_a());
        config.mapping.hidden_dim = 512;
        config.synthesis.fused_scale = fused;
        Model::Generator(config)
    };
    let sizes = sizes();
    let [fused, unfused] = [FusedScale::True, FusedScale::False].map(model);
    let tf = "dnnlib.tflib.network";
    round_trip(fused.clone(), &tables::PROGRESSIVE_FUSED, tf, "G_paper", &sizes);
    round_trip(fused, &tables::PROGRESSIVE_FIRST, "tfutil", "G_paper", &sizes);
    round_trip(unfused, &tables::PROGRESSIVE_UNFUSED, "tfutil", "G_paper", &sizes);
    let config = |downscale| {
        Model::Discriminator(DiscriminatorConfig {
            resolution: 16,
            fmap_base: 64,
            fmap_max: 12,
            blur: false,
            label_head: LabelHead::AcGan,
            downscale,
            ..DiscriminatorConfig::default()
        })
    };
    round_trip(
        config(Downscale::InConvolution),
        &tables::DISCRIMINATOR,
        "tfutil",
        "D_paper",
        &sizes,
    );
    let unfused = config(Downscale::AfterActivation);
    round_trip(unfused, &tables::DISCRIMINATOR_UNFUSED, "tfutil", "D_paper", &sizes);
}

#[test]
fn an_attribute_classifier_is_a_discriminator_alone() {
    let model = Model::Discriminator(DiscriminatorConfig {
        resolution: 16,
        fmap_base: 64,
        fmap_max: 12,
        ..DiscriminatorConfig::default()
    });
    round_trip(model, &tables::DISCRIMINATOR, "dnnlib.tflib.network", "D_basic", &sizes());
}

#[test]
fn stylegan2_of_three_architectures() {
    let settings = || {
        let mut all = sizes();
        all.push(("dlatent_size", Item::Int(12)));
        all.push(("mapping_fmaps", Item::Int(12)));
        all
    };
    for architecture in [Architecture::Orig, Architecture::Skip, Architecture::Resnet] {
        let mut config = small(GeneratorConfig::stylegan2_f());
        config.synthesis.stylegan2 = Some(architecture);
        let generator = Model::Generator(config);
        let tf = "dnnlib.tflib.network";
        round_trip(generator, &tables::STYLEGAN2_GENERATOR, tf, "G_main", &settings());
        let discriminator = Model::Discriminator(DiscriminatorConfig {
            resolution: 16,
            fmap_base: 64,
            fmap_max: 12,
            structure: Structure::Fixed,
            stylegan2: Some(architecture),
            ..DiscriminatorConfig::default()
        });
        let table = &tables::STYLEGAN2_DISCRIMINATOR;
        round_trip(discriminator, table, tf, "D_stylegan2", &settings());
    }
}

#[test]
fn settings_that_contradict_the_layers_are_named() {
    let native = pickler::synthetic(Model::Generator(small(GeneratorConfig::config_a())));
    let rules = tables::PROGRESSIVE_FUSED.reversed(&native.model.shapes().unwrap(), 3);
    let variables = pickler::variables(&native, rules);
    let settings = [("resolution", Item::Int(32))];
    let network = pickler::network("tfutil", "G_paper", &settings, &variables);
    let document = open(pickler::file(&[network]));
    let contents = Contents::of(&document).unwrap();
    let error = contents.convert(&contents.networks[0]).unwrap_err().to_string();
    assert!(error.contains("32x32") && error.contains("16x16"), "{error}");
}
