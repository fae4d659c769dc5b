//! StyleGAN2's synthesis network as a graph. Styles scale the maps before a convolution and demodulation those behind it, so that the
//! weights are constants and a batch stays one convolution.

use candle_core::Tensor;
use stylegan::{Architecture, GeneratorConfig, SynthesisConfig, Upscale};

use super::graph::{Attribute, Builder, Dim};
use super::{GAIN, tensor};
use crate::ImportError;
use crate::export::Native;

/// What keeps the root of demodulation away from zero.
const EPSILON: f32 = 1e-8;

/// The taps of every filter, in one axis; their sum is 8.
const TAPS: [f32; 4] = [1.0, 3.0, 3.0, 1.0];

struct Synthesis<'a> {
    native: &'a Native,
    config: &'a SynthesisConfig,
    graph: Builder,
    ws: String,
}

/// The graph as a file.
pub(super) fn graph(
    native: &Native,
    config: &GeneratorConfig,
    architecture: Architecture,
) -> Result<Vec<u8>, ImportError> {
    let config = &config.synthesis;
    let pyramid = config.pyramid().map_err(candle_core::Error::wrap)?;
    let mut graph = Builder::new("synthesis");
    let (batch, layers) = (Dim::Any("N"), 2 * pyramid.blocks());
    let ws = graph.input("ws", &[batch, Dim::Is(layers), Dim::Is(config.w_dim)]);
    let mut x = graph.constant(tensor(native, "synthesis.b4.const")?, 1.0)?;
    let mut synthesis = Synthesis { native, config, graph, ws };
    let mut image: Option<String> = None;
    for block in 0..pyramid.blocks() {
        let name = format!("synthesis.b{}", pyramid.nominal(block));
        let size = pyramid.size(block);
        let residual = architecture == Architecture::Resnet && block > 0;
        // The sum of two is divided by the square root of two, in each of them.
        let half = if residual { 1.0 / GAIN } else { 1.0 };
        let below = x.clone();
        if block > 0 {
            x = synthesis.layer(&x, &format!("{name}.conv0"), (2 * block - 1, size), true, GAIN)?;
        }
        let gain = GAIN * half;
        x = synthesis.layer(&x, &format!("{name}.conv1"), (2 * block, size), false, gain)?;
        if residual {
            let skip = synthesis.skip(&below, &format!("{name}.skip.weight"), half)?;
            x = synthesis.graph.node("Add", &[&x, &skip], &[]);
        }
        if architecture == Architecture::Skip || block + 1 == pyramid.blocks() {
            let rgb = synthesis.rgb(&x, &format!("{name}.to_rgb"), 2 * block + 1)?;
            image = Some(match image {
                None => rgb,
                Some(image) => {
                    let image = synthesis.doubled(&image, config.channels);
                    synthesis.graph.node("Add", &[&image, &rgb], &[])
                }
            });
        }
    }
    let (h, w) = pyramid.full_size();
    let dims = [batch, Dim::Is(config.channels), Dim::Is(h), Dim::Is(w)];
    synthesis.graph.output(&image.unwrap_or(x), "image", &dims);
    Ok(synthesis.graph.finish())
}

impl Synthesis<'_> {
    /// A layer's style, `[N, maps]`.
    fn style(&mut self, name: &str, layer: usize) -> Result<String, ImportError> {
        let weight = tensor(self.native, &format!("{name}.style.weight"))?;
        let gain = 1.0 / (weight.dim(1)? as f64).sqrt();
        let weight = self.graph.constant(weight, gain)?;
        let bias = self.graph.constant(tensor(self.native, &format!("{name}.style.bias"))?, 1.0)?;
        let index = self.graph.integers(&[layer as i64], true);
        let ws = self.ws.clone();
        let w = self.graph.node("Gather", &[&ws, &index], &[Attribute::Int("axis", 1)]);
        Ok(self.graph.dense(&w, &weight, &bias))
    }

    /// `x` times factors `[N, maps]`.
    fn scaled(&mut self, x: &str, factors: &str) -> String {
        let map = self.graph.integers(&[2, 3], false);
        let factors = self.graph.node("Unsqueeze", &[factors, &map], &[]);
        self.graph.node("Mul", &[x, &factors], &[])
    }

    /// Modulated convolution, noise, bias, activation. The gain of the activation is multiplied into all three.
    fn layer(
        &mut self,
        x: &str,
        name: &str,
        (layer, (h, w)): (usize, (usize, usize)),
        up: bool,
        gain: f64,
    ) -> Result<String, ImportError> {
        let weight = tensor(self.native, &format!("{name}.weight"))?;
        let (outputs, inputs, _, _) = weight.dims4()?;
        let scale = 1.0 / ((9 * inputs) as f64).sqrt();
        let style = self.style(name, layer)?;
        let mut x = self.scaled(x, &style);
        let before = self.config.upscale == Upscale::BeforeConvolution;
        if up && before {
            x = self.doubled(&x, inputs);
        }
        if up && !before {
            let kernel = weight.transpose(0, 1)?.contiguous()?;
            let kernel = self.graph.constant(&kernel, scale * gain)?;
            let attributes =
                [Attribute::Ints("kernel_shape", &[3, 3]), Attribute::Ints("strides", &[2, 2])];
            x = self.graph.node("ConvTranspose", &[&x, &kernel], &attributes);
            x = self.filtered(&x, outputs);
        } else {
            let kernel = self.graph.constant(weight, scale * gain)?;
            let attributes =
                [Attribute::Ints("kernel_shape", &[3, 3]), Attribute::Ints("pads", &[1, 1, 1, 1])];
            x = self.graph.node("Conv", &[&x, &kernel], &attributes);
        }
        let factors = self.demodulation(&style, weight, scale)?;
        x = self.scaled(&x, &factors);
        if self.config.use_noise {
            let dims = [Dim::Any("noise_N"), Dim::Is(1), Dim::Is(h), Dim::Is(w)];
            let noise = self.graph.input(&format!("noise{layer}"), &dims);
            let strength = tensor(self.native, &format!("{name}.noise.strength"))?;
            let strength = self.graph.constant(strength, gain)?;
            let noise = self.graph.node("Mul", &[&noise, &strength], &[]);
            x = self.graph.node("Add", &[&x, &noise], &[]);
        }
        x = self.bias(&x, name, gain)?;
        Ok(self.graph.activation(&x))
    }

    /// `1 / sqrt(sum of (style * weight)^2 + epsilon)`, `[N, outputs]`: the sum over the kernel is a constant.
    fn demodulation(
        &mut self,
        style: &str,
        weight: &Tensor,
        scale: f64,
    ) -> Result<String, ImportError> {
        let energy = self.graph.constant(&weight.sqr()?.sum((2, 3))?, scale * scale)?;
        let epsilon = self.graph.numbers(&[1], &[EPSILON]);
        let square = self.graph.node("Mul", &[style, style], &[]);
        let sum = self.graph.dense(&square, &energy, &epsilon);
        let root = self.graph.node("Sqrt", &[&sum], &[]);
        Ok(self.graph.node("Reciprocal", &[&root], &[]))
    }

    /// The filter behind a transposed convolution: of four times the taps' mean, with a border of one zero.
    fn filtered(&mut self, x: &str, maps: usize) -> String {
        let kernel = self.filter(maps);
        let attributes = [
            Attribute::Ints("kernel_shape", &[4, 4]),
            Attribute::Ints("pads", &[1, 1, 1, 1]),
            Attribute::Int("group", maps as i64),
        ];
        self.graph.node("Conv", &[x, &kernel], &attributes)
    }

    /// Twice the size: zeros between the pixels and the same filter, which is a transposed convolution of it, or bilinearly, with the border
    /// repeated.
    fn doubled(&mut self, x: &str, maps: usize) -> String {
        if self.config.upscale == Upscale::BeforeConvolution {
            let scales = self.graph.numbers(&[4], &[1.0, 1.0, 2.0, 2.0]);
            let attributes = [
                Attribute::Text("mode", "linear"),
                Attribute::Text("coordinate_transformation_mode", "half_pixel"),
            ];
            // The second input, a region of interest, belongs to another mode.
            return self.graph.node("Resize", &[x, "", &scales], &attributes);
        }
        let kernel = self.filter(maps);
        let attributes = [
            Attribute::Ints("kernel_shape", &[4, 4]),
            Attribute::Ints("strides", &[2, 2]),
            Attribute::Ints("pads", &[1, 1, 1, 1]),
            Attribute::Int("group", maps as i64),
        ];
        self.graph.node("ConvTranspose", &[x, &kernel], &attributes)
    }

    /// One filter for each map, `[maps, 1, 4, 4]`.
    fn filter(&mut self, maps: usize) -> String {
        let kernel: Vec<f32> = TAPS.iter().flat_map(|a| TAPS.map(|b| a * b / 16.0)).collect();
        self.graph.numbers(&[maps as i64, 1, 4, 4], &kernel.repeat(maps))
    }

    /// The shortcut of a residual block.
    fn skip(&mut self, x: &str, name: &str, gain: f64) -> Result<String, ImportError> {
        let weight = tensor(self.native, name)?;
        let (outputs, inputs, _, _) = weight.dims4()?;
        let kernel = self.graph.constant(weight, gain / (inputs as f64).sqrt())?;
        let attributes = [Attribute::Ints("kernel_shape", &[1, 1])];
        let x = self.graph.node("Conv", &[x, &kernel], &attributes);
        Ok(self.doubled(&x, outputs))
    }

    /// A modulated 1x1 convolution, not demodulated, and its bias.
    fn rgb(&mut self, x: &str, name: &str, layer: usize) -> Result<String, ImportError> {
        let style = self.style(name, layer)?;
        let x = self.scaled(x, &style);
        let weight = tensor(self.native, &format!("{name}.weight"))?;
        let kernel = self.graph.constant(weight, 1.0 / (weight.dim(1)? as f64).sqrt())?;
        let attributes = [Attribute::Ints("kernel_shape", &[1, 1])];
        let x = self.graph.node("Conv", &[&x, &kernel], &attributes);
        self.bias(&x, name, 1.0)
    }

    fn bias(&mut self, x: &str, name: &str, gain: f64) -> Result<String, ImportError> {
        let bias = tensor(self.native, &format!("{name}.bias"))?;
        let bias = self.graph.constant(&bias.reshape((1, bias.elem_count(), 1, 1))?, gain)?;
        Ok(self.graph.node("Add", &[x, &bias], &[]))
    }
}
