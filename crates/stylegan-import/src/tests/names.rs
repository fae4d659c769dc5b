use std::collections::BTreeMap;

use serde::Deserialize;
use stylegan_checkpoint::pickle::{Element, Tensor};

use super::golden;
use crate::dialects;
use crate::{Dialect, Role};

#[derive(Deserialize)]
struct Names {
    tensors: BTreeMap<String, Vec<usize>>,
}

/// Names and shapes of whole checkpoints, one file each.
const FILES: [(&str, Dialect, Role, &str); 13] = [
    ("arcface.model_ir_se50", Dialect::ArcFace, Role::Features, "IR-SE50"),
    (
        "huangzh13.discriminator_1024",
        Dialect::Huangzh13,
        Role::Discriminator,
        "discriminator, 1024x1024",
    ),
    ("fid.inception", Dialect::FidInception, Role::Features, "Inception network of FID"),
    ("huangzh13.generator_1024", Dialect::Huangzh13, Role::Ema, "generator, 1024x1024"),
    ("huangzh13.generator_32px_small", Dialect::Huangzh13, Role::Ema, "generator, 32x32"),
    ("lernapparat.generator_1024", Dialect::Lernapparat, Role::Ema, "generator, 1024x1024"),
    ("psp.encoder_18_styles", Dialect::Psp, Role::Encoder, "18 styles"),
    (
        "rosinality_stylegan1.generator",
        Dialect::RosinalityStyleGan,
        Role::Ema,
        "generator, 1024x1024",
    ),
    (
        "rosinality_stylegan2.discriminator_256",
        Dialect::RosinalityStyleGan2,
        Role::Discriminator,
        "256x256",
    ),
    (
        "rosinality_stylegan2.generator_1024",
        Dialect::RosinalityStyleGan2,
        Role::Ema,
        "1024x1024, Skip",
    ),
    ("torchvision.alexnet", Dialect::Torchvision, Role::Features, "AlexNet"),
    ("torchvision.squeezenet1_1", Dialect::Torchvision, Role::Features, "SqueezeNet"),
    ("torchvision.vgg16", Dialect::Torchvision, Role::Features, "VGG16"),
];

pub fn names(file: &str) -> BTreeMap<String, Vec<usize>> {
    let text = std::fs::read_to_string(golden(&format!("import/names/{file}.json"))).unwrap();
    serde_json::from_str::<Names>(&text).unwrap().tensors
}

fn tensors(names: &BTreeMap<String, Vec<usize>>) -> BTreeMap<String, Tensor<'_>> {
    let zeros = |shape| Tensor::zeros(Element::F32, shape);
    names.iter().map(|(name, shape)| (name.clone(), zeros(shape.as_slice()))).collect()
}

#[test]
fn names_and_shapes_of_whole_checkpoints() {
    for (file, dialect, role, title) in FILES {
        let names = names(file);
        let (found, network) = dialects::flat(Role::Ema, "", tensors(&names)).expect(file);
        assert_eq!((found, network.role), (dialect, role), "{file}");
        let model = network.kind.model(&network).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(model.title().contains(title), "{file}: {}", model.title());
        let table = network.kind.table;
        let planned = table.plan(&model.shapes().unwrap(), model.blocks(), &network.shapes());
        let rows = planned.unwrap_or_else(|mismatch| panic!("{file}: {mismatch}"));
        assert!(rows.iter().filter(|row| row.source.is_some()).count() >= 16, "{file}");
    }
}

#[test]
fn a_discriminator_of_another_architecture_is_recognised_and_refused() {
    let names = names("rosinality_stylegan1.discriminator");
    let (dialect, network) = dialects::flat(Role::Ema, "", tensors(&names)).unwrap();
    assert_eq!((dialect, network.role), (Dialect::RosinalityStyleGan, Role::Discriminator));
    assert!(network.kind.model(&network).unwrap_err().contains("first convolution"));
}

#[test]
fn all_differences_are_listed_at_once() {
    let mut names = names("huangzh13.generator_32px_small");
    names.remove("g_synthesis.blocks.1.conv1.bias");
    names.insert("g_synthesis.blocks.1.conv1.bios".into(), vec![16]);
    names.insert("g_synthesis.to_rgb.2.weight".into(), vec![4, 16, 1, 1]);
    let (_, network) = dialects::flat(Role::Ema, "", tensors(&names)).unwrap();
    let model = network.kind.model(&network).unwrap();
    let planned =
        network.kind.table.plan(&model.shapes().unwrap(), model.blocks(), &network.shapes());
    let mismatch = planned.unwrap_err();
    assert_eq!(mismatch.missing, ["g_synthesis.blocks.1.conv1.bias"]);
    assert_eq!(mismatch.unexpected, ["g_synthesis.blocks.1.conv1.bios"]);
    assert_eq!(mismatch.shapes[0].expected, [3, 16, 1, 1]);
}
