//! The golden cases' parameter names in this workspace's names.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use stylegan::is_buffer;

/// The name of a generator's parameter.
pub fn generator(name: &str) -> Result<String> {
    if name == "truncation.w_avg" {
        return Ok("w_avg".to_owned());
    }
    if let Some(rest) = name.strip_prefix("mapping.") {
        return Ok(format!("mapping.{rest}"));
    }
    // Progressive GAN's generator has no mapping, and its names no prefix.
    let name = name.strip_prefix("synthesis.").unwrap_or(name);
    let (layer, rest) = name.split_once('.').context("a name without a layer")?;
    if let Some(block) = layer.strip_prefix("output") {
        let block: u32 = block.parse()?;
        return Ok(format!("synthesis.b{}.to_rgb.{rest}", 4 << block));
    }
    let layer: usize = layer.strip_prefix("layer").context("an unknown layer")?.parse()?;
    let resolution = 4 << (layer / 2);
    let rest = rest.replace("apply_noise.", "noise.").replace("noise.noise", "noise.const");
    Ok(match (layer, rest.as_str()) {
        (0, "const") => "synthesis.b4.const".to_owned(),
        (0, "weight") => "synthesis.b4.dense.weight".to_owned(),
        _ => format!("synthesis.b{resolution}.conv{}.{rest}", layer % 2),
    })
}

/// The name of a parameter of a discriminator for `resolution`.
pub fn discriminator(name: &str, resolution: usize) -> Result<String> {
    let (layer, rest) = name.split_once('.').context("a name without a layer")?;
    if let Some(lod) = layer.strip_prefix("input") {
        let lod: usize = lod.parse()?;
        return Ok(format!("b{}.from_rgb.{rest}", resolution >> lod));
    }
    let layer: usize = layer.strip_prefix("layer").context("an unknown layer")?.parse()?;
    let last = 2 * (resolution.ilog2() as usize - 2);
    Ok(match layer.checked_sub(last) {
        None => format!("b{}.conv{}.{rest}", resolution >> (layer / 2), layer % 2),
        Some(0) => format!("b4.conv.{rest}"),
        Some(dense) => format!("b4.dense{}.{rest}", dense - 1),
    })
}

/// The reference writes Progressive GAN's first dense layer as a 4x4 convolution of a 1x1 map
/// with padding 3: `[C, z, 4, 4]`, flipped; here it is `[C * 16, z]`.
pub fn dense_of_convolution(weight: &Tensor) -> candle_core::Result<Tensor> {
    let (c, z, h, w) = weight.dims4()?;
    let backwards: Vec<u32> = (0..(h * w) as u32).rev().collect();
    let backwards = Tensor::new(backwards, weight.device())?;
    let flipped = weight.reshape((c, z, h * w))?.index_select(&backwards, 2)?;
    flipped.transpose(1, 2)?.contiguous()?.reshape((c * h * w, z))
}

/// Whether a case's parameters have rosinality's names.
pub fn is_rosinality(config: &serde_json::Value) -> bool {
    config["naming"].as_str().is_some_and(|naming| naming.starts_with("rosinality"))
}

/// The name of a parameter of a StyleGAN2 network.
pub fn stylegan2(name: &str, config: &serde_json::Value) -> Result<String> {
    if is_rosinality(config) {
        return stylegan2_of_rosinality(name);
    }
    let name = name.replace(".noise_", ".noise.").replace(".affine.", ".style.");
    let name = name.replace(".torgb.", ".to_rgb.").replace(".fromrgb.", ".from_rgb.");
    let name = name.replace("mapping.fc", "mapping.dense").replace("mapping.w_avg", "w_avg");
    let name = name.replace("mapping.embed", "mapping.label");
    Ok(name.replace("b4.fc.", "b4.dense0.").replace("b4.out.", "b4.dense1."))
}

/// rosinality counts layers instead of naming resolutions.
fn stylegan2_of_rosinality(name: &str) -> Result<String> {
    if let Some(rest) = name.strip_prefix("style.") {
        let (layer, rest) = rest.split_once('.').context("a dense layer without a number")?;
        return Ok(format!("mapping.dense{}.{rest}", layer.parse::<usize>()? - 1));
    }
    if name == "input.input" {
        return Ok("synthesis.b4.const".to_owned());
    }
    if let Some(layer) = name.strip_prefix("noises.noise_") {
        let layer: usize = layer.parse()?;
        // Noise 0 is that of the only convolution at 4x4, 1 and 2 those of 8x8.
        return Ok(format!(
            "synthesis.b{}.conv{}.noise.const",
            4 << layer.div_ceil(2),
            (layer + 1) % 2
        ));
    }
    let (layer, rest) = name.split_once('.').context("a name without a layer")?;
    let numbered = |rest: &str| -> Result<(usize, String)> {
        let (number, rest) = rest.split_once('.').context("a layer without a number")?;
        Ok((number.parse()?, rest.to_owned()))
    };
    let (place, rest) = match layer {
        "conv1" => ("b4.conv1".to_owned(), rest.to_owned()),
        "to_rgb1" => ("b4.to_rgb".to_owned(), rest.to_owned()),
        "convs" => {
            let (number, rest) = numbered(rest)?;
            (format!("b{}.conv{}", 8 << (number / 2), number % 2), rest)
        }
        "to_rgbs" => {
            let (number, rest) = numbered(rest)?;
            (format!("b{}.to_rgb", 8 << number), rest)
        }
        _ => anyhow::bail!("unknown layer {layer}"),
    };
    let rest = rest.replace("conv.modulation.", "style.").replace("conv.weight", "weight");
    let rest = rest.replace("noise.weight", "noise.strength").replace("activate.bias", "bias");
    Ok(format!("synthesis.{place}.{rest}"))
}

/// A StyleGAN2 tensor in the shape that this workspace gives it.
pub fn stylegan2_shape(name: &str, tensor: &Tensor) -> Result<Tensor> {
    let dims = tensor.dims().to_vec();
    let shape: Vec<usize> = match (name, dims.as_slice()) {
        (name, &[h, w]) if name.ends_with("noise.const") => vec![1, 1, h, w],
        (name, _) if name.ends_with("noise.strength") => vec![],
        (_, &[c, h, w]) => vec![1, c, h, w],
        (_, &[1, o, i, h, w]) => vec![o, i, h, w],
        (name, &[1, c, 1, 1]) if name.ends_with("bias") => vec![c],
        _ => dims,
    };
    Ok(tensor.reshape(shape)?)
}

/// Named variables, in this workspace's names, and a builder over them.
pub struct Named {
    vars: BTreeMap<String, Var>,
}

impl Named {
    /// Takes tensors of a case, renamed.
    pub fn new(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self> {
        let vars = tensors
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect::<Result<_>>()?;
        Ok(Self { vars })
    }

    /// The variable of this name.
    pub fn get(&self, name: &str) -> Result<&Var> {
        self.vars.get(name).with_context(|| format!("no parameter {name}"))
    }

    /// A builder that tracks gradients.
    pub fn builder(&self) -> VarBuilder<'static> {
        let tensors = self.vars.iter().map(|(name, var)| {
            let buffer = is_buffer(name);
            let tensor = if buffer { var.as_detached_tensor() } else { var.as_tensor().clone() };
            (name.clone(), tensor)
        });
        // All are on one device.
        let device = self.vars.values().next().map_or(Device::Cpu, |var| var.device().clone());
        VarBuilder::from_tensors(tensors.collect(), DType::F32, &device)
    }
}
