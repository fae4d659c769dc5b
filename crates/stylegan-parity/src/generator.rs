//! Generators of StyleGAN and Progressive GAN: images, styles and gradients.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::{Context, Result};
use candle_core::Tensor;
use serde_json::Value;
use stylegan::{FusedScale, Generator, GeneratorConfig, Noise, mix};
use stylegan_testkit::golden::Case;

use crate::names::{self, Named};
use crate::report::Report;

/// An integer of a case's configuration.
pub fn size(config: &Value, key: &str) -> Result<usize> {
    let value = config[key].as_u64().with_context(|| format!("config.{key} is not a size"))?;
    Ok(value as usize)
}

/// The official rule of `fused_scale`: true, false or "auto".
fn fused_scale(config: &Value) -> FusedScale {
    match &config["fused_scale"] {
        Value::Bool(true) => FusedScale::True,
        Value::Bool(false) => FusedScale::False,
        _ => FusedScale::Auto,
    }
}

/// This workspace's configuration of a case's generator.
pub fn config(config: &Value, progressive_gan: bool) -> Result<GeneratorConfig> {
    let mut ours =
        if progressive_gan { GeneratorConfig::config_a() } else { GeneratorConfig::config_f() };
    ours.mapping.z_dim = size(config, "z_space_dim")?;
    ours.mapping.w_dim = ours.mapping.z_dim;
    if !progressive_gan {
        ours.mapping.w_dim = size(config, "w_space_dim")?;
        ours.mapping.hidden_dim = size(config, "mapping_fmaps")?;
        ours.mapping.layers = size(config, "mapping_layers")?;
        ours.mapping.label_dim = size(config, "label_size")?;
    }
    ours.synthesis.w_dim = ours.mapping.w_dim;
    ours.synthesis.resolution = size(config, "resolution")?;
    // The reference counts from the resolution itself, the official code from half of it.
    ours.synthesis.fmap_base = size(config, "fmaps_base")? / 2;
    ours.synthesis.fmap_max = size(config, "fmaps_max")?;
    ours.synthesis.fused_scale = fused_scale(config);
    Ok(ours)
}

/// The parameters of a case's generator under this workspace's names.
pub fn parameters(case: &Case, prefix: &str) -> Result<Named> {
    let mut renamed = Vec::new();
    for (name, tensor) in case.parameters() {
        let Some(name) = name.strip_prefix(prefix) else { continue };
        let name = names::generator(name)?;
        let dense = name == "synthesis.b4.dense.weight";
        let tensor = if dense { names::dense_of_convolution(&tensor)? } else { tensor };
        renamed.push((name, tensor));
    }
    // Networks without a truncation average still have the buffer.
    if !renamed.iter().any(|(name, _)| name == "w_avg") {
        let dim = size(&case.config, "z_space_dim")?;
        let zeros = Tensor::zeros(dim, candle_core::DType::F32, &case.device)?;
        renamed.push(("w_avg".to_owned(), zeros));
    }
    Named::new(renamed)
}

/// Runs a case.
pub fn run(case: &Case, report: &mut Report) -> Result<()> {
    let config = config(&case.config, case.kind == "pggan.generator")?;
    let parameters = parameters(case, "")?;
    let generator = Generator::new(&config, parameters.builder())?;
    let styles = |name: &str| -> Result<Tensor> {
        Ok(generator.broadcast(&generator.map(&case.input(name)?, None)?)?)
    };
    let ws = styles("z")?;
    let mut gradients = BTreeMap::new();
    for (name, expected) in &case.outputs {
        match Setting::parse(name)? {
            Setting::Stored => {}
            Setting::W => report.output(name, &ws.narrow(1, 0, 1)?.squeeze(1)?, expected),
            Setting::Styles { psi, cutoff } => {
                report.output(name, &generator.truncate(&ws, psi, Some(cutoff))?, expected);
            }
            Setting::Truncated { psi, cutoff } => {
                let ws = generator.truncate(&ws, psi, Some(cutoff))?;
                report.output(name, &generator.synthesize(&ws, 0.0, &Noise::Const)?, expected);
            }
            Setting::Mixed { crossover } => {
                let ws = mix(&ws, &styles("z2")?, crossover)?;
                report.output(name, &generator.synthesize(&ws, 0.0, &Noise::Const)?, expected);
            }
            Setting::Image { lod } => {
                report.output(name, &generator.synthesize(&ws, lod, &Noise::Const)?, expected);
            }
            Setting::Gradient { lod, parameter } => {
                // One backward pass serves all parameters of a level of detail.
                let store = match gradients.entry(lod.to_bits()) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        let image = generator.synthesize(&ws, lod, &Noise::Const)?;
                        let sum = (image * case.input("cotangent")?)?.sum_all()?;
                        entry.insert(sum.backward()?)
                    }
                };
                let var = parameters.get(&names::generator(&parameter)?)?;
                let got = store.get(var).with_context(|| format!("{parameter}: no gradient"))?;
                report.gradient(name, got, expected);
            }
        }
    }
    Ok(())
}

/// What an output's name says.
enum Setting {
    /// A stored parameter, not an output.
    Stored,
    /// The first layer's `w`.
    W,
    /// All layers' styles, truncated.
    Styles { psi: f64, cutoff: usize },
    /// The image of truncated styles.
    Truncated { psi: f64, cutoff: usize },
    /// The image of mixed styles.
    Mixed { crossover: usize },
    /// The image at a level of detail.
    Image { lod: f64 },
    /// The gradient of `sum(image * cotangent)` with respect to a parameter.
    Gradient { lod: f64, parameter: String },
}

impl Setting {
    fn parse(name: &str) -> Result<Self> {
        let head = name.split_once('/').map_or(name, |(head, _)| head);
        let value = |key: &str| -> Result<f64> {
            let (_, rest) = head.split_once(key).with_context(|| format!("no {key} in {name}"))?;
            // A number ends at the next `.setting=`, if there is one.
            let end = rest.find(|c: char| c.is_alphabetic()).unwrap_or(rest.len());
            Ok(rest[..end].trim_end_matches('.').parse()?)
        };
        let truncation = || -> Result<_> { Ok((value("psi=")?, value("cutoff=")? as usize)) };
        Ok(match head.split('.').next().unwrap_or_default() {
            "weight" => Self::Stored,
            "w" => Self::W,
            "wp" => {
                let (psi, cutoff) = truncation()?;
                Self::Styles { psi, cutoff }
            }
            "image" if head.contains("psi=") => {
                let (psi, cutoff) = truncation()?;
                Self::Truncated { psi, cutoff }
            }
            "image" if head.contains("mix.") => {
                Self::Mixed { crossover: value("crossover=")? as usize }
            }
            "image" => Self::Image { lod: value("lod=")? },
            "grad" => {
                let (_, parameter) = name.split_once('/').context("a gradient without a name")?;
                Self::Gradient { lod: value("lod=")?, parameter: parameter.to_owned() }
            }
            _ => anyhow::bail!("unknown output {name}"),
        })
    }
}
