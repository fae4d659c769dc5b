//! Convolutions with equalized learning rate: plain, upscaling, downscaling.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_ops as ops;

use crate::activation::{Activation, Convolution};
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
        self.convolution().forward(x, None)
    }

    /// As [`Self::forward`], and what comes after.
    pub fn forward_activated(&self, x: &Tensor, after: &Activation) -> Result<Tensor> {
        self.convolution().forward(x, Some(after))
    }

    /// As [`Self::forward_activated`], with the pullback to the input.
    pub fn forward_activated_with_vjp(
        &self,
        x: &Tensor,
        after: &Activation,
    ) -> Result<(Tensor, Pullback)> {
        self.convolution().forward_with_vjp(x, Some(after))
    }

    /// The convolution and the rest of a synthesis layer, whose `up` and `scale` are this layer's own. `style` is `[N, 2 out]`.
    pub fn forward_styled(
        &self,
        x: &Tensor,
        rest: ops::StyledConv2d<'_>,
        style: &Tensor,
    ) -> Result<Tensor> {
        ops::StyledConv2d { up: None, scale: self.scale, ..rest }.forward(x, &self.weight, style)
    }

    /// The pullback to an input of height and width `input_hw`.
    pub fn vjp(&self, input_hw: (usize, usize)) -> Pullback {
        self.convolution().vjp(input_hw)
    }

    fn convolution(&self) -> Convolution {
        let (kernel, padding, scale) = (self.weight.clone(), self.padding, self.scale);
        Convolution { kernel, stride: 1, padding, scale }
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
        ops::conv2d_input_vjp(x, &self.kernel()?, (2 * h, 2 * w), 2, 1, self.scale)
    }

    /// The convolution, blurred or not, and the rest of a synthesis layer, whose `up` and `scale` are this layer's own. `style` is
    /// `[N, 2 out]`.
    pub fn forward_styled(
        &self,
        x: &Tensor,
        blur: bool,
        rest: ops::StyledConv2d<'_>,
        style: &Tensor,
    ) -> Result<Tensor> {
        let up = Some(ops::Blurred(blur));
        ops::StyledConv2d { up, scale: self.scale, ..rest }.forward(x, &self.kernel()?, style)
    }

    /// The kernel of the transposed convolution.
    fn kernel(&self) -> Result<Tensor> {
        ops::fused_up_kernel(&self.weight, !self.fused)
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

    /// `[N, in, H, W]` to `[N, out, H/2, W/2]`, and what comes after.
    pub fn forward(&self, x: &Tensor, after: Option<&Activation>) -> Result<Tensor> {
        self.convolution()?.forward(x, after)
    }

    /// As [`Self::forward`], with the pullback to the input.
    pub fn forward_with_vjp(
        &self,
        x: &Tensor,
        after: Option<&Activation>,
    ) -> Result<(Tensor, Pullback)> {
        self.convolution()?.forward_with_vjp(x, after)
    }

    fn convolution(&self) -> Result<Convolution> {
        let kernel = ops::fused_down_kernel(&self.weight)?;
        Ok(Convolution { kernel, stride: 2, padding: 1, scale: self.scale })
    }
}
