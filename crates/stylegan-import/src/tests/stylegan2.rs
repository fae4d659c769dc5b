//! StyleGAN2's golden cases through files: images and scores of imported networks, in the layouts of three dialects.

use stylegan::{
    Architecture, DiscriminatorConfig, GeneratorConfig, Noise, Structure, mix, truncate,
};

use super::pickler::{self, Item};
use super::*;
use crate::Dialect;
use crate::dialects::official_networks::{STYLEGAN2_DISCRIMINATOR, STYLEGAN2_GENERATOR};
use crate::dialects::{ADA_DISCRIMINATOR, ADA_GENERATOR, ROSINALITY2_DISCRIMINATOR};
use crate::table::Table;

/// Every image of a generator's case.
pub fn check_generator(what: &str, name: &str, generator: &Generator) {
    let case = case(name);
    let ws = |input: &str| {
        let w = generator.map(&case.input(input).unwrap(), None).unwrap();
        generator.broadcast(&w).unwrap()
    };
    let draw = |ws: &Tensor, noise: Noise| generator.synthesize(ws, 0.0, &noise).unwrap();
    let ws_of_z = ws("z");
    let w = ws_of_z.narrow(1, 0, 1).unwrap().squeeze(1).unwrap();
    let mut images = 0;
    for (output, expected) in &case.outputs {
        let got = match output.as_str() {
            "w" => w.clone(),
            "image" => draw(&ws_of_z, Noise::Const),
            "image.no_noise" => draw(&ws_of_z, Noise::None),
            "wp.psi=0.7.cutoff=4" => generator.truncate(&ws_of_z, 0.7, Some(4)).unwrap(),
            "image.psi=0.7.cutoff=4" => {
                draw(&generator.truncate(&ws_of_z, 0.7, Some(4)).unwrap(), Noise::Const)
            }
            "image.psi=0.7.around_mean_w" => {
                let mean = w.mean(0).unwrap();
                draw(&truncate(&ws_of_z, &mean, 0.7, None).unwrap(), Noise::Const)
            }
            "image.mix.crossover=3" => draw(&mix(&ws_of_z, &ws("z2"), 3).unwrap(), Noise::Const),
            // Gradients are the networks' own matter.
            _ => continue,
        };
        close(&format!("{what}, {output}"), &got, expected);
        images += usize::from(output.starts_with("image"));
    }
    assert!(images >= 2, "{name} holds {images} images");
}

fn check_discriminator(what: &str, name: &str, converted: &Converted) {
    let case = case(name);
    let scores =
        discriminator(converted).forward(&case.input("image").unwrap(), 0.0, None).unwrap();
    close(what, &scores.score.unsqueeze(1).unwrap(), case.output("score").unwrap());
}

/// A case's network by the names of `stylegan2-ada-pytorch`, which are the cases' own.
fn native(name: &str, model: Model, table: &Table) -> Converted {
    let parameters = case(name).parameters();
    let shapes = model.shapes().unwrap();
    let tensor = |(native, foreign, rule): (String, String, crate::table::Rule)| {
        let shape = &shapes[&native];
        let values = parameters[&foreign].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let mut values = rule.layout.to_native(values, shape);
        rule.numbers.convert(&mut values, shape, false);
        (native, Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap())
    };
    let rows = table.reversed(&shapes, model.blocks());
    let tensors = rows.into_iter().map(tensor).collect();
    Converted { model, tensors, notes: Vec::new(), origin: BTreeMap::new() }
}

fn generator_of(resolution: usize, architecture: Architecture) -> Model {
    let mut config = GeneratorConfig::stylegan2_f();
    (config.mapping.z_dim, config.mapping.w_dim, config.mapping.hidden_dim) = (32, 32, 32);
    config.synthesis.w_dim = 32;
    config.synthesis.resolution = resolution;
    config.synthesis.fmap_base = 8 * resolution;
    config.synthesis.fmap_max = 16;
    config.synthesis.stylegan2 = Some(architecture);
    Model::Generator(config)
}

fn discriminator_of(resolution: usize, architecture: Architecture) -> Model {
    Model::Discriminator(DiscriminatorConfig {
        resolution,
        fmap_base: 8 * resolution,
        fmap_max: 16,
        structure: Structure::Fixed,
        stylegan2: Some(architecture),
        ..DiscriminatorConfig::default()
    })
}

/// A network as a TensorFlow pickle.
fn official(native: &Converted, table: &Table, function: &str, resolution: i64) -> Document {
    let rules = table.reversed(&native.model.shapes().unwrap(), native.model.blocks());
    let variables = pickler::variables(native, rules);
    let mut settings = vec![
        ("resolution", Item::Int(resolution)),
        ("fmap_base", Item::Int(8 * resolution)),
        ("fmap_max", Item::Int(16)),
    ];
    let widths = ["latent_size", "dlatent_size", "mapping_fmaps"];
    settings.extend(widths.map(|key| (key, Item::Int(32))));
    let network = pickler::network("dnnlib.tflib.network", function, &settings, &variables);
    let bytes = pickler::file(&[network]);
    Document::from_bytes(Path::new("made.pkl"), bytes, &Limits::default()).unwrap()
}

/// The golden pickle, through a file of this project.
#[test]
fn stylegan2_ada_pytorch_draws_the_golden_images() {
    let document = Document::open(&golden("import/stylegan2_ada_pytorch.pkl")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("native.safetensors");
    for role in [Role::Ema, Role::Generator] {
        convert(&document, role).save(&path).unwrap();
        let loaded = stylegan::load_generator(&path, &Device::Cpu).unwrap();
        check_generator("stylegan2-ada-pytorch", "sg2_g_r32_skip", &loaded);
    }
    let converted = convert(&document, Role::Discriminator);
    check_discriminator("stylegan2-ada-pytorch", "sg2_d_r32_resnet", &converted);
}

/// The golden networks in TensorFlow's layout: turned kernels, transposed matrices, style biases without their 1.
#[test]
fn tensorflow_pickles_draw_the_golden_images() {
    for (name, resolution, architecture) in
        [("sg2_g_r32_skip", 32, Architecture::Skip), ("sg2_g_r16_resnet", 16, Architecture::Resnet)]
    {
        let model = generator_of(resolution, architecture);
        let native = native(name, model, &ADA_GENERATOR);
        check_generator("before", name, &generator(&native));
        let document = official(&native, &STYLEGAN2_GENERATOR, "G_main", resolution as i64);
        let converted = convert(&document, Role::Ema);
        assert_eq!(converted.model, native.model);
        check_generator("TensorFlow", name, &generator(&converted));
    }
    for (name, resolution, architecture) in
        [("sg2_d_r32_resnet", 32, Architecture::Resnet), ("sg2_d_r16_skip", 16, Architecture::Skip)]
    {
        let model = discriminator_of(resolution, architecture);
        let native = native(name, model, &ADA_DISCRIMINATOR);
        let table = &STYLEGAN2_DISCRIMINATOR;
        let document = official(&native, table, "D_stylegan2", resolution as i64);
        let converted = convert(&document, Role::Discriminator);
        assert_eq!(converted.model, native.model);
        check_discriminator("TensorFlow", name, &converted);
    }
}

#[test]
fn rosinality_files_draw_the_golden_images() {
    let g = case("sg2_g_r16_rosinality").parameters();
    let native =
        native("sg2_d_r32_resnet", discriminator_of(32, Architecture::Resnet), &ADA_DISCRIMINATOR);
    let rules =
        ROSINALITY2_DISCRIMINATOR.reversed(&native.model.shapes().unwrap(), native.model.blocks());
    let d = pickler::variables(&native, rules)
        .into_iter()
        .map(|(name, (shape, values))| {
            (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        })
        .collect();
    let document = as_pth(&[("g_ema", &g), ("g", &g), ("d", &d)]);
    assert_eq!(Contents::of(&document).unwrap().dialect, Dialect::RosinalityStyleGan2);
    for role in [Role::Ema, Role::Generator] {
        let converted = convert(&document, role);
        assert!(converted.notes[0].contains("average of w"), "{:?}", converted.notes);
        check_generator("rosinality", "sg2_g_r16_rosinality", &generator(&converted));
    }
    let converted = convert(&document, Role::Discriminator);
    check_discriminator("rosinality", "sg2_d_r32_resnet", &converted);
}

/// What makes it another function than the one that would be drawn.
#[test]
fn filters_that_networks_do_not_have_are_refused() {
    let native = native("sg2_g_r32_skip", generator_of(32, Architecture::Skip), &ADA_GENERATOR);
    let rules =
        STYLEGAN2_GENERATOR.reversed(&native.model.shapes().unwrap(), native.model.blocks());
    let variables = pickler::variables(&native, rules);
    let settings = [("resolution", Item::Int(32)), ("resample_kernel", Item::Int(1))];
    let network = pickler::network("dnnlib.tflib.network", "G_main", &settings, &variables);
    let bytes = pickler::file(&[network]);
    let document = Document::from_bytes(Path::new("made.pkl"), bytes, &Limits::default()).unwrap();
    let contents = Contents::of(&document).unwrap();
    let error = contents.convert(&contents.networks[0]).unwrap_err().to_string();
    assert!(error.contains("[1, 3, 3, 1]"), "{error}");
}
