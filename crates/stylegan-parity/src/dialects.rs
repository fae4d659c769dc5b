//! Networks of other public ports: each case as a file in its layout, through the importer.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Tensor};
use candle_nn::VarBuilder;
use stylegan::{Generator, Noise};
use stylegan_checkpoint::pickle::{Document, Limits};
use stylegan_import::{Contents, Model, Role};
use stylegan_testkit::golden::Case;
use stylegan_testkit::{pickle, relative_error, synthetic};

use crate::report::Report;

/// Whose names a case has, if they are no names of this suite.
pub fn dialect(case: &Case) -> Option<&str> {
    let naming = case.config["naming"].as_str()?;
    // StyleGAN2's cases are read in every naming.
    let known = ["lernapparat", "huangzh13", "rosinality v1"];
    known.into_iter().find(|dialect| naming.starts_with(dialect))
}

/// Runs a case of a dialect.
pub fn run(case: &Case, dialect: &str, report: &mut Report) -> Result<()> {
    match dialect {
        "lernapparat" => lernapparat(case, report),
        "huangzh13" => huangzh13(case, report),
        _ => rosinality(case, report),
    }
}

/// The generator of a file that holds these tensors, with the case's noise in place of what was drawn for a file without.
fn generator(
    case: &Case,
    network: &str,
    tensors: &BTreeMap<String, Tensor>,
    noise_of: fn(block: usize, conv: usize) -> usize,
) -> Result<Generator> {
    let bytes = pickle::state_dict(network, tensors);
    let document = Document::from_bytes(Path::new("made.pth"), bytes, &Limits::default())?;
    let contents = Contents::of(&document)?;
    let mut converted = contents.convert(contents.network(Role::Ema)?)?;
    for (name, tensor) in &mut converted.tensors {
        let Some((size, conv)) = name
            .strip_prefix("synthesis.b")
            .and_then(|rest| rest.strip_suffix(".noise.const"))
            .and_then(|rest| rest.split_once(".conv"))
        else {
            continue;
        };
        let block = size.parse::<usize>()?.ilog2() as usize - 2;
        // Of resolutions that the case does not reach, any noise will do.
        if let Ok(noise) = case.input(&format!("noise{}", noise_of(block, conv.parse()?))) {
            *tensor = noise;
        }
    }
    let Model::Generator(config) = &converted.model else {
        anyhow::bail!("it was taken for a {}", converted.model.title());
    };
    let tensors = converted.tensors.into_iter().collect();
    let builder = VarBuilder::from_tensors(tensors, DType::F32, &case.device);
    Ok(Generator::new(config, builder)?)
}

/// A map for each layer.
fn each_layer(block: usize, conv: usize) -> usize {
    2 * block + conv
}

fn lernapparat(case: &Case, report: &mut Report) -> Result<()> {
    let mut tensors = case.parameters();
    // The case is of the synthesis network alone; its files hold a mapping network as well.
    for layer in 0..8 {
        let name = |what| format!("g_mapping.dense{layer}.{what}");
        tensors.insert(name("weight"), synthetic(&name("weight"), (32, 32), 0.0, 100.0));
        tensors.insert(name("bias"), synthetic(&name("bias"), 32, 0.0, 1.0));
    }
    let generator = generator(case, "", &tensors, each_layer)?;
    let image = generator.synthesize(&case.input("wp")?, 0.0, &Noise::Const)?;
    report.output("image", &image, case.output("image")?);
    Ok(())
}

fn huangzh13(case: &Case, report: &mut Report) -> Result<()> {
    let generator = generator(case, "", &case.parameters(), each_layer)?;
    let expected = case.output("wp")?;
    let ws = generator.broadcast(&generator.map(&case.input("z")?, None)?)?;
    let truncated = generator.truncate(&ws, 0.7, Some(8))?;
    // Whether the reference had truncated when it gave its styles is not said.
    let (whole, part) = (relative_error(&ws, expected), relative_error(&truncated, expected));
    report.output("wp", if part < whole { &truncated } else { &ws }, expected);
    let blocks = generator.num_layers() / 2;
    for (name, image) in case.outputs_with_prefix("image.") {
        let (depth, alpha) = name
            .strip_prefix("depth=")
            .and_then(|rest| rest.split_once(".alpha="))
            .with_context(|| format!("unknown output {name}"))?;
        let lod = (blocks - 1 - depth.parse::<usize>()?) as f64 + 1.0 - alpha.parse::<f64>()?;
        let got = generator.synthesis().forward_native(expected, lod, &Noise::Const)?;
        report.output(name, &got, image);
    }
    Ok(())
}

fn rosinality(case: &Case, report: &mut Report) -> Result<()> {
    // One map serves both layers of a resolution.
    let generator = generator(case, "g_running", &case.parameters(), |block, _| block)?;
    let w = generator.map(&case.input("z")?, None)?;
    report.output("w", &w, case.output("w")?);
    let ws = generator.broadcast(&w)?;
    let blocks = generator.num_layers() / 2;
    for (name, image) in case.outputs_with_prefix("image.") {
        let (step, alpha) = name
            .strip_prefix("step=")
            .and_then(|rest| rest.split_once(".alpha="))
            .with_context(|| format!("unknown output {name}"))?;
        let lod = (blocks - 1 - step.parse::<usize>()?) as f64 + 1.0 - alpha.parse::<f64>()?;
        let got = generator.synthesis().forward_native(&ws, lod, &Noise::Const)?;
        report.output(name, &got, image);
    }
    Ok(())
}
