//! The synthesis network as a graph, with every run-time factor multiplied into its weight.

use candle_core::Tensor;
use stylegan::{GeneratorConfig, SynthesisConfig};
use stylegan_ops as ops;

use super::graph::{Attribute, Builder, Dim};
use super::{GAIN, tensor};
use crate::ImportError;
use crate::export::Native;

struct Synthesis<'a> {
    native: &'a Native,
    config: &'a SynthesisConfig,
    graph: Builder,
    ws: String,
}

/// The graph as a file.
pub(super) fn graph(native: &Native, config: &GeneratorConfig) -> Result<Vec<u8>, ImportError> {
    let config = &config.synthesis;
    let pyramid = config.pyramid().map_err(candle_core::Error::wrap)?;
    let mut graph = Builder::new("synthesis");
    let (batch, layers) = (Dim::Any("N"), 2 * pyramid.blocks());
    let ws = graph.input("ws", &[batch, Dim::Is(layers), Dim::Is(config.w_dim)]);
    let mut synthesis = Synthesis { native, config, graph, ws };
    let mut x = String::new();
    for block in 0..pyramid.blocks() {
        let name = format!("synthesis.b{}", pyramid.nominal(block));
        let size = pyramid.size(block);
        x = if block == 0 {
            synthesis.input(size)?
        } else {
            synthesis.up(&x, &name, config.fused_scale.applies(size))?
        };
        x = synthesis.epilogue(&x, &format!("{name}.conv0"), 2 * block, size)?;
        x = synthesis.convolution(&x, &format!("{name}.conv1.weight"), 3, GAIN)?;
        x = synthesis.epilogue(&x, &format!("{name}.conv1"), 2 * block + 1, size)?;
    }
    let last = format!("synthesis.b{}.to_rgb", config.resolution);
    x = synthesis.convolution(&x, &format!("{last}.weight"), 1, 1.0)?;
    x = synthesis.bias(&x, &format!("{last}.bias"))?;
    let (h, w) = pyramid.full_size();
    let dims = [batch, Dim::Is(config.channels), Dim::Is(h), Dim::Is(w)];
    synthesis.graph.output(&x, "image", &dims);
    Ok(synthesis.graph.finish())
}

impl Synthesis<'_> {
    fn input(&mut self, (h, w): (usize, usize)) -> Result<String, ImportError> {
        if self.config.const_input {
            return Ok(self.graph.constant(tensor(self.native, "synthesis.b4.const")?, 1.0)?);
        }
        let weight = tensor(self.native, "synthesis.b4.dense.weight")?;
        let (outputs, inputs) = weight.dims2()?;
        let scale = (2.0 / (h * w) as f64).sqrt() / (inputs as f64).sqrt();
        let weight = self.graph.constant(&weight.t()?.contiguous()?, scale)?;
        let latent = self.style_of(0);
        let x = self.graph.node("MatMul", &[&latent, &weight], &[]);
        let shape = [0, (outputs / (h * w)) as i64, h as i64, w as i64];
        let shape = self.graph.integers(&shape, false);
        Ok(self.graph.node("Reshape", &[&x, &shape], &[]))
    }

    /// The styles of a layer, `[N, w_dim]`.
    fn style_of(&mut self, layer: usize) -> String {
        let index = self.graph.integers(&[layer as i64], true);
        let ws = self.ws.clone();
        self.graph.node("Gather", &[&ws, &index], &[Attribute::Int("axis", 1)])
    }

    fn convolution(
        &mut self,
        x: &str,
        name: &str,
        kernel: i64,
        gain: f64,
    ) -> Result<String, ImportError> {
        let weight = tensor(self.native, name)?;
        let fan_in = weight.elem_count() / weight.dim(0)?;
        let weight = self.graph.constant(weight, gain / (fan_in as f64).sqrt())?;
        let pad = kernel / 2;
        let attributes = [
            Attribute::Ints("kernel_shape", &[kernel, kernel]),
            Attribute::Ints("pads", &[pad, pad, pad, pad]),
        ];
        Ok(self.graph.node("Conv", &[x, &weight], &attributes))
    }

    /// The upscaling convolution as one transposed convolution of stride 2, and the blur.
    fn up(&mut self, x: &str, block: &str, fused: bool) -> Result<String, ImportError> {
        let name = format!("{block}.conv0");
        let weight = tensor(self.native, &format!("{name}.weight"))?;
        let (outputs, inputs, _, _) = weight.dims4()?;
        let scale = GAIN / ((inputs * 9) as f64).sqrt();
        let kernel = ops::fused_up_kernel(weight, !fused)?;
        let weight = self.graph.constant(&kernel, scale)?;
        let attributes = [
            Attribute::Ints("kernel_shape", &[4, 4]),
            Attribute::Ints("strides", &[2, 2]),
            Attribute::Ints("pads", &[1, 1, 1, 1]),
        ];
        let mut x = self.graph.node("ConvTranspose", &[x, &weight], &attributes);
        if !self.config.blur {
            return Ok(x);
        }
        if self.config.bias_before_blur {
            x = self.bias(&x, &format!("{name}.bias"))?;
        }
        let taps = [1.0f32, 2.0, 1.0];
        let kernel: Vec<f32> = taps.iter().flat_map(|a| taps.map(|b| a * b / 16.0)).collect();
        let kernel = if self.config.custom_blur {
            self.graph.constant(tensor(self.native, &format!("{name}.blur.kernel"))?, 1.0)?
        } else {
            self.graph.numbers(&[outputs as i64, 1, 3, 3], &kernel.repeat(outputs))
        };
        let attributes = [
            Attribute::Ints("kernel_shape", &[3, 3]),
            Attribute::Ints("pads", &[1, 1, 1, 1]),
            Attribute::Int("group", outputs as i64),
        ];
        Ok(self.graph.node("Conv", &[&x, &kernel], &attributes))
    }

    /// A tensor `[C]` as `[1, C, 1, 1]`.
    fn channels(&mut self, values: &Tensor) -> Result<String, ImportError> {
        let values = values.reshape((1, values.elem_count(), 1, 1))?;
        Ok(self.graph.constant(&values, 1.0)?)
    }

    fn bias(&mut self, x: &str, name: &str) -> Result<String, ImportError> {
        let bias = self.channels(tensor(self.native, name)?)?;
        Ok(self.graph.node("Add", &[x, &bias], &[]))
    }

    /// Noise, bias, activation, normalisation, style.
    fn epilogue(
        &mut self,
        x: &str,
        name: &str,
        layer: usize,
        (h, w): (usize, usize),
    ) -> Result<String, ImportError> {
        let config = self.config;
        let mut x = x.to_owned();
        if config.use_noise {
            let dims = [Dim::Any("noise_N"), Dim::Is(1), Dim::Is(h), Dim::Is(w)];
            let noise = self.graph.input(&format!("noise{layer}"), &dims);
            let weight = self.channels(tensor(self.native, &format!("{name}.noise.weight"))?)?;
            let noise = self.graph.node("Mul", &[&noise, &weight], &[]);
            x = self.graph.node("Add", &[&x, &noise], &[]);
        }
        let early = config.bias_before_blur && config.blur && layer > 0 && layer.is_multiple_of(2);
        if !early {
            x = self.bias(&x, &format!("{name}.bias"))?;
        }
        x = self.graph.activation(&x);
        if config.pixel_norm {
            x = self.graph.pixel_norm(&x, config.norm_epsilon);
        }
        let maps = tensor(self.native, &format!("{name}.bias"))?.elem_count();
        if config.instance_norm {
            let ones = self.graph.numbers(&[maps as i64], &vec![1.0; maps]);
            let zeros = self.graph.numbers(&[maps as i64], &vec![0.0; maps]);
            let epsilon = [Attribute::Float("epsilon", config.norm_epsilon as f32)];
            x = self.graph.node("InstanceNormalization", &[&x, &ones, &zeros], &epsilon);
        }
        if config.use_styles {
            x = self.style(&x, name, layer, maps)?;
        }
        Ok(x)
    }

    /// `x * (scale + 1) + shift`.
    fn style(
        &mut self,
        x: &str,
        name: &str,
        layer: usize,
        maps: usize,
    ) -> Result<String, ImportError> {
        let weight = tensor(self.native, &format!("{name}.style.weight"))?;
        let bias = tensor(self.native, &format!("{name}.style.bias"))?;
        let gain = 1.0 / (weight.dim(1)? as f64).sqrt();
        let style = self.style_of(layer);
        let shape = self.graph.integers(&[0, maps as i64, 1, 1], false);
        let mut part = |from: usize, plus: f64| -> Result<String, ImportError> {
            let weight = self.graph.constant(&weight.narrow(0, from, maps)?, gain)?;
            let bias = bias.narrow(0, from, maps)?.affine(1.0, plus)?;
            let bias = self.graph.constant(&bias, 1.0)?;
            let y = self.graph.dense(&style, &weight, &bias);
            Ok(self.graph.node("Reshape", &[&y, &shape], &[]))
        };
        let (scale, shift) = (part(0, 1.0)?, part(maps, 0.0)?);
        let x = self.graph.node("Mul", &[x, &scale], &[]);
        Ok(self.graph.node("Add", &[&x, &shift], &[]))
    }
}
