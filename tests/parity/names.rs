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
        VarBuilder::from_tensors(tensors.collect(), DType::F32, &Device::Cpu)
    }
}
