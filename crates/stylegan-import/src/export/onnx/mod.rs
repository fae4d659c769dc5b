//! ONNX: the mapping network with truncation, and the synthesis network, as graphs of standard operators (version 13).
//!
//! `NAME-mapping.onnx`: `z` `[N, z_dim]`, `label` `[N, label_dim]` for conditional networks, and `psi` `[layers]`, the truncation of each
//! layer (1 for none), to `w` `[N, w_dim]` and `ws` `[N, layers, w_dim]`.
//!
//! `NAME-synthesis.onnx`: `ws`, and `noise0`, `noise1`, ... `[N or 1, 1, H, W]`, to `image` `[N, channels, H, W]`. The numbers are those
//! of the layers' styles: StyleGAN2's first block has one layer with noise, so that its maps have the sizes 4, 8, 8, 16, 16, ...

mod graph;
mod proto;
mod stylegan2;
mod synthesis;

use std::path::{Path, PathBuf};

use candle_core::Tensor;
use stylegan::GeneratorConfig;

use super::{Format, Native};
use crate::{ImportError, Model};
use graph::{Attribute, Builder, Dim};

/// A leaky ReLU's gain.
const GAIN: f64 = std::f64::consts::SQRT_2;

/// Writes both graphs.
pub(super) fn export(native: &Native, out: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let Model::Generator(config) = native.model() else {
        let reason =
            format!("graphs are made of generators, and this is a {}", native.model().title());
        return Err(native.inexpressible(Format::Onnx, reason));
    };
    if config.synthesis.const_input && !config.synthesis.use_styles {
        let reason = "a constant input without styles gives one image whatever the latent is";
        return Err(native.inexpressible(Format::Onnx, reason));
    }
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    let path = |part: &str| out.with_file_name(format!("{stem}-{part}.onnx"));
    let synthesis = match config.synthesis.stylegan2 {
        Some(architecture) => stylegan2::graph(native, config, architecture)?,
        None => synthesis::graph(native, config)?,
    };
    let graphs = [(path("mapping"), mapping(native, config)?), (path("synthesis"), synthesis)];
    for (path, bytes) in &graphs {
        stylegan_checkpoint::atomic_write(path, |file| file.write_all(bytes))?;
    }
    Ok(graphs.into_iter().map(|(path, _)| path).collect())
}

/// A tensor of the model.
fn tensor<'a>(native: &'a Native, name: &str) -> Result<&'a Tensor, ImportError> {
    native.tensors.get(name).ok_or_else(|| ImportError::NotAModel {
        path: native.path.clone(),
        reason: format!("it lacks `{name}`"),
    })
}

fn mapping(native: &Native, config: &GeneratorConfig) -> Result<Vec<u8>, ImportError> {
    let mut graph = Builder::new("mapping");
    let mapping = &config.mapping;
    let batch = Dim::Any("N");
    let layers = 2 * native.model().blocks();
    let mut x = graph.input("z", &[batch, Dim::Is(mapping.z_dim)]);
    let label = match mapping.label_dim {
        0 => None,
        dim => {
            let label = graph.input("label", &[batch, Dim::Is(dim)]);
            let weight = tensor(native, "mapping.label.weight")?;
            Some(if mapping.stylegan2 {
                let weight = graph.constant(weight, 1.0 / (dim as f64).sqrt())?;
                let bias = graph.constant(tensor(native, "mapping.label.bias")?, 1.0)?;
                let embedded = graph.dense(&label, &weight, &bias);
                graph.pixel_norm(&embedded, 1e-8)
            } else {
                let weight = graph.constant(weight, 1.0)?;
                graph.node("MatMul", &[&label, &weight], &[])
            })
        }
    };
    let psi = graph.input("psi", &[Dim::Is(layers)]);
    // StyleGAN normalises latent and label together, StyleGAN2 each by itself.
    let beside = |graph: &mut Builder, x: String| match &label {
        Some(label) => graph.node("Concat", &[&x, label], &[Attribute::Int("axis", 1)]),
        None => x,
    };
    if !mapping.stylegan2 {
        x = beside(&mut graph, x);
    }
    if mapping.normalize_latents {
        x = graph.pixel_norm(&x, 1e-8);
    }
    if mapping.stylegan2 {
        x = beside(&mut graph, x);
    }
    for layer in 0..mapping.layers {
        let weight = tensor(native, &format!("mapping.dense{layer}.weight"))?;
        let scale = GAIN / (weight.dim(1)? as f64).sqrt() * mapping.lr_multiplier;
        let weight = graph.constant(weight, scale)?;
        let bias = tensor(native, &format!("mapping.dense{layer}.bias"))?;
        let gain = if mapping.stylegan2 { GAIN } else { 1.0 };
        let bias = graph.constant(bias, mapping.lr_multiplier * gain)?;
        let y = graph.dense(&x, &weight, &bias);
        x = graph.activation(&y);
    }
    let average = graph.constant(tensor(native, "w_avg")?, 1.0)?;
    let (one, outer) = (graph.integers(&[1], false), graph.integers(&[0, 2], false));
    let psi = graph.node("Unsqueeze", &[&psi, &outer], &[]);
    let away = graph.node("Sub", &[&x, &average], &[]);
    let away = graph.node("Unsqueeze", &[&away, &one], &[]);
    let away = graph.node("Mul", &[&away, &psi], &[]);
    let ws = graph.node("Add", &[&away, &average], &[]);
    graph.output(&x, "w", &[batch, Dim::Is(mapping.w_dim)]);
    graph.output(&ws, "ws", &[batch, Dim::Is(layers), Dim::Is(mapping.w_dim)]);
    Ok(graph.finish())
}
