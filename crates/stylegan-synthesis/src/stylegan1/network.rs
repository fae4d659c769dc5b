//! Styles to an image.

use candle_core::{Error, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use stylegan_layers::{Clamp, Equalized, EqualizedConv2d, Precision, Pyramid, Structure, UpConv2d};
use stylegan_ops as ops;

use super::conv::{Blur, Conv};
use super::epilogue::Epilogue;
use crate::{Noise, SynthesisConfig};

/// The synthesis network (Karras et al. 2019, section 2; Karras et al. 2018, section 2).
///
/// Parameters: `b4.const` or `b4.dense.weight`; `b{R}.conv{0,1}.*` (a weight, and what the
/// epilogue takes; `b4.conv0` has no weight, it is the epilogue of the input);
/// `b{R}.to_rgb.{weight,bias}`; the buffers `b{R}.conv0.blur.kernel` where the blur is not the usual
/// one.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pyramid: Pyramid,
    structure: Structure,
    w_dim: usize,
    input: Input,
    blocks: Vec<Block>,
    precision: Precision,
}

/// What the first block starts from.
#[derive(Debug, Clone)]
enum Input {
    /// A learned constant `[1, C, h, w]`.
    Const(Tensor),
    /// A dense layer on the first layer's `w`, as a weight `[C * h * w, w_dim]`.
    Dense { weight: Tensor, scale: f64, shape: (usize, usize, usize) },
}

/// The layers of one resolution.
#[derive(Debug, Clone)]
struct Block {
    /// Nothing in the first block, whose input takes its place.
    conv0: Conv,
    epilogue0: Epilogue,
    conv1: Conv,
    epilogue1: Epilogue,
    /// `None` below the full resolution of a fixed structure.
    to_rgb: Option<ToRgb>,
}

/// A 1x1 convolution to the image's channels, gain 1, with bias, without activation.
#[derive(Debug, Clone)]
struct ToRgb {
    conv: EqualizedConv2d,
    bias: Tensor,
    clamp: Clamp,
}

impl Network {
    /// Takes its parameters from `vb`.
    pub(crate) fn new(config: &SynthesisConfig, vb: VarBuilder) -> Result<Self> {
        let pyramid = config.pyramid().map_err(Error::wrap)?;
        let blocks = (0..pyramid.blocks())
            .map(|block| Block::new(config, &pyramid, block, vb.pp(name(&pyramid, block))))
            .collect::<Result<_>>()?;
        Ok(Self {
            pyramid,
            structure: config.structure,
            w_dim: config.w_dim,
            input: Input::new(config, &pyramid, vb.pp("b4"))?,
            blocks,
            precision: Precision::FLOAT32,
        })
    }

    pub(crate) fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
        for block in &mut self.blocks {
            block.epilogue0.set_precision(precision);
            block.epilogue1.set_precision(precision);
            if let Some(to_rgb) = &mut block.to_rgb {
                to_rgb.clamp = precision.clamp(1.0);
            }
        }
    }

    /// The number of layers that take a style.
    pub(crate) fn num_layers(&self) -> usize {
        2 * self.blocks.len()
    }

    /// The resolutions from base to full size.
    pub(crate) fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// Styles `ws` `[N, layers, w_dim]` to images `[N, channels, H, W]` of full resolution at any
    /// level of detail `lod` (0 = full detail; a fraction fades between neighbouring levels).
    pub(crate) fn forward(&self, ws: &Tensor, lod: f64, noise: &Noise) -> Result<Tensor> {
        let mut image = self.forward_native(ws, lod, noise)?;
        let (full, _) = self.pyramid.full_size();
        while image.dim(2)? < full {
            image = ops::upsample_nearest2d(&image)?;
        }
        Ok(image)
    }

    /// As [`Self::forward`], but at the resolution that `floor(lod)` stands for: what the full
    /// image holds before it is enlarged by pixel repetition.
    pub(crate) fn forward_native(&self, ws: &Tensor, lod: f64, noise: &Noise) -> Result<Tensor> {
        let (_, layers, w_dim) = ws.dims3()?;
        if (layers, w_dim) != (self.num_layers(), self.w_dim) {
            let expected = (self.num_layers(), self.w_dim);
            bail!("synthesis: styles are {layers} x {w_dim}, expected {expected:?}");
        }
        let (last, fade) = self.pyramid.split(lod, self.structure)?;
        let mut x = self.input.forward(ws)?;
        let mut previous = None;
        for (index, block) in self.blocks.iter().take(last + 1).enumerate() {
            if fade > 0.0 && index == last {
                previous = Some(self.rgb(index - 1, &x)?);
            }
            x = self.precision.enter(&x, &self.pyramid, index)?;
            x = block.forward(&x, ws, noise)?;
        }
        let image = self.rgb(last, &x)?;
        match previous {
            None => Ok(image),
            Some(previous) => {
                let previous = ops::upsample_nearest2d(&previous)?;
                image.affine(1.0 - fade, 0.0)? + previous.affine(fade, 0.0)?
            }
        }
    }

    fn rgb(&self, block: usize, x: &Tensor) -> Result<Tensor> {
        match &self.blocks[block].to_rgb {
            Some(ToRgb { conv, bias, clamp }) => {
                let image = ops::bias_act(&conv.forward(x)?, bias, 1.0, None)?;
                self.precision.leave(&clamp.forward(&image)?)
            }
            None => bail!("synthesis: block {block} has no toRGB layer"),
        }
    }
}

fn name(pyramid: &Pyramid, block: usize) -> String {
    format!("b{}", pyramid.nominal(block))
}

impl Input {
    fn new(config: &SynthesisConfig, pyramid: &Pyramid, vb: VarBuilder) -> Result<Self> {
        let (h, w) = pyramid.size(0);
        let maps = config.feature_maps().of_block(0);
        if config.const_input {
            let constant = vb.get_with_hints((1, maps, h, w), "const", Init::Const(1.0))?;
            return Ok(Self::Const(constant));
        }
        // Gain sqrt(2) / 4 for 4x4: the dense layer's outputs are spread over the map.
        let gain = (2.0 / (h * w) as f64).sqrt();
        let equalized = Equalized { gain, lr_multiplier: 1.0 };
        let weight = vb.pp("dense").get_with_hints(
            (maps * h * w, config.w_dim),
            "weight",
            equalized.init(),
        )?;
        Ok(Self::Dense { weight, scale: equalized.scale(config.w_dim), shape: (maps, h, w) })
    }

    fn forward(&self, ws: &Tensor) -> Result<Tensor> {
        let n = ws.dim(0)?;
        match self {
            Self::Const(constant) => {
                let (_, c, h, w) = constant.dims4()?;
                constant.broadcast_as((n, c, h, w))?.contiguous()
            }
            Self::Dense { weight, scale, shape: (c, h, w) } => {
                let latent = ws.narrow(1, 0, 1)?.squeeze(1)?;
                ops::linear(&latent, weight, *scale)?.reshape((n, *c, *h, *w))
            }
        }
    }
}

impl Block {
    fn new(
        config: &SynthesisConfig,
        pyramid: &Pyramid,
        block: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        let size = pyramid.size(block);
        let maps = config.feature_maps();
        let outputs = maps.of_block(block);
        let conv0 = match block {
            0 => Conv::Input,
            _ => {
                let (fused, vb) = (config.fused_scale.applies(size), vb.pp("conv0"));
                let conv = UpConv2d::new(maps.of_block(block - 1), outputs, fused, vb.clone())?;
                Conv::Up { conv, blur: blur(config, outputs, vb.pp("blur"))? }
            }
        };
        let conv1 =
            EqualizedConv2d::new(outputs, outputs, 3, Equalized::ACTIVATED, vb.pp("conv1"))?;
        let has_rgb = config.structure == Structure::Growing || block + 1 == pyramid.blocks();
        let to_rgb = if has_rgb {
            Some(ToRgb::new(outputs, config.channels, vb.pp("to_rgb"))?)
        } else {
            None
        };
        Ok(Self {
            conv0,
            epilogue0: Epilogue::new(config, 2 * block, outputs, size, vb.pp("conv0"))?,
            conv1: Conv::Same(conv1),
            epilogue1: Epilogue::new(config, 2 * block + 1, outputs, size, vb.pp("conv1"))?,
            to_rgb,
        })
    }

    /// `[N, Ci, H, W]` to `[N, Co, 2H, 2W]`; in the first block the size stays.
    fn forward(&self, x: &Tensor, ws: &Tensor, noise: &Noise) -> Result<Tensor> {
        let x = self.epilogue0.forward(&self.conv0, x, ws, noise)?;
        self.epilogue1.forward(&self.conv1, &x, ws, noise)
    }
}

/// What follows an upscaling convolution to so many maps.
fn blur(config: &SynthesisConfig, maps: usize, vb: VarBuilder) -> Result<Blur> {
    Ok(match (config.blur, config.custom_blur) {
        (false, _) => Blur::None,
        (true, false) => Blur::Binomial,
        (true, true) => {
            let mean = Init::Const(1.0 / 9.0);
            Blur::Custom(vb.get_with_hints((maps, 1, 3, 3), "kernel", mean)?)
        }
    })
}

impl ToRgb {
    fn new(maps: usize, channels: usize, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            bias: vb.get_with_hints(channels, "bias", Init::Const(0.0))?,
            conv: EqualizedConv2d::new(maps, channels, 1, Equalized::PLAIN, vb)?,
            clamp: Clamp::NONE,
        })
    }
}
