//! Convolutions with equalized learning rate: plain, upscaling, downscaling.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_ops as ops;

use crate::{Equalized, Pullback};

/// A convolution of odd kernel, stride 1, "same" padding, without bias:
/// `[N, in, H, W]` to `[N, out, H, W]`. Parameter: `weight` `[out, in, K, K]`, stored raw.
#[derive(Debug, Clone)]
pub struct EqualizedConv2d {
    weight: Tensor,
    padding: usize,
    scale: f64,
}

impl EqualizedConv2d {
    /// A layer from `inputs` to `outputs` channels with a `kernel` x `kernel` window.
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: usize,
        equalized: Equalized,
        vb: VarBuilder,
    ) -> Result<Self> {
        let shape = (outputs, inputs, kernel, kernel);
        Ok(Self {
            weight: vb.get_with_hints(shape, "weight", equalized.init())?,
            padding: kernel / 2,
            scale: equalized.scale(inputs * kernel * kernel),
        })
    }

    /// `[N, in, H, W]` to `[N, out, H, W]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::conv2d(x, &self.weight, 1, self.padding, self.scale)
    }

    /// The pullback to an input of height and width `input_hw`.
    pub fn vjp(&self, input_hw: (usize, usize)) -> Pullback {
        let layer = self.clone();
        Pullback::new(move |g| {
            ops::conv2d_input_vjp(g, &layer.weight, input_hw, 1, layer.padding, layer.scale)
        })
    }
}

/// A 3x3 convolution that doubles height and width, computed as one transposed 4x4 convolution of
/// stride 2 whether the official network would fuse it or not.
///
/// The official code has two paths with the same stored weight that are different functions:
/// nearest upscaling followed by the convolution, and, where `fused_scale` holds, a transposed
/// convolution whose kernel is not flipped. The first equals the second with the kernel flipped
/// in both spatial axes, at 16 instead of 36 multiplications an input pixel.
///
/// Parameter: `weight` `[out, in, 3, 3]`, stored raw and never flipped.
#[derive(Debug, Clone)]
pub struct UpConv2d {
    weight: Tensor,
    fused: bool,
    scale: f64,
}

impl UpConv2d {
    /// A layer from `inputs` to `outputs` channels; `fused` selects the official fused function.
    pub fn new(inputs: usize, outputs: usize, fused: bool, vb: VarBuilder) -> Result<Self> {
        let equalized = Equalized::ACTIVATED;
        Ok(Self {
            weight: vb.get_with_hints((outputs, inputs, 3, 3), "weight", equalized.init())?,
            fused,
            scale: equalized.scale(inputs * 9),
        })
    }

    /// `[N, in, H, W]` to `[N, out, 2H, 2W]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        let weight = if self.fused { self.weight.clone() } else { ops::flip_kernel(&self.weight)? };
        // A transposed convolution is the input gradient of a convolution whose weight is laid
        // out [in, out, K, K].
        let kernel = ops::fused_up_kernel(&weight)?.transpose(0, 1)?.contiguous()?;
        ops::conv2d_input_vjp(x, &kernel, (2 * h, 2 * w), 2, 1, self.scale)
    }
}

/// A 3x3 convolution that halves height and width, computed as one 4x4 convolution of stride 2;
/// equal to the convolution followed by a 2x2 mean, borders included.
///
/// Parameter: `weight` `[out, in, 3, 3]`, stored raw.
#[derive(Debug, Clone)]
pub struct DownConv2d {
    weight: Tensor,
    scale: f64,
}

impl DownConv2d {
    /// A layer from `inputs` to `outputs` channels.
    pub fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        let equalized = Equalized::ACTIVATED;
        Ok(Self {
            weight: vb.get_with_hints((outputs, inputs, 3, 3), "weight", equalized.init())?,
            scale: equalized.scale(inputs * 9),
        })
    }

    /// `[N, in, H, W]` to `[N, out, H/2, W/2]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::conv2d(x, &ops::fused_down_kernel(&self.weight)?, 2, 1, self.scale)
    }

    /// The output and the pullback to the input.
    pub fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (_, _, h, w) = x.dims4()?;
        let kernel = ops::fused_down_kernel(&self.weight)?;
        let y = ops::conv2d(x, &kernel, 2, 1, self.scale)?;
        let scale = self.scale;
        let pullback =
            Pullback::new(move |g| ops::conv2d_input_vjp(g, &kernel, (h, w), 2, 1, scale));
        Ok((y, pullback))
    }
}
