//! StyleGAN2's modulated convolution as a layer.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_ops::{ModulatedConv2d, ModulatedConv2dTape, ScaledActivation};

use crate::{Bias, Equalized, EqualizedLinear, Pullback};

/// A convolution whose weights are modulated by a style, an affine function of `w` (Karras et al. 2020, section 2.2).
///
/// Parameters: `weight` `[out, in, K, K]`, `style.weight` `[in, w_dim]`, `style.bias` `[in]`, which starts at 1. All are stored
/// raw. With `up`, the weight is that of a transposed convolution.
#[derive(Debug, Clone)]
pub struct ModulatedConv {
    weight: Tensor,
    style: EqualizedLinear,
    how: ModulatedConv2d,
}

/// The way back through a [`ModulatedConv`].
pub struct ModulatedConvTape {
    conv: ModulatedConv2dTape,
    style: Pullback,
}

impl ModulatedConv {
    /// A layer from `inputs` to `outputs` channels with a `kernel` x `kernel` window that doubles the size (`up`), is demodulated,
    /// and multiplies its result by `gain`.
    pub fn new(
        w_dim: usize,
        (inputs, outputs, kernel): (usize, usize, usize),
        (up, demodulate): (bool, bool),
        gain: f64,
        vb: VarBuilder,
    ) -> Result<Self> {
        let plain = Equalized::PLAIN;
        let bias = Bias { initial: 1.0, ..Bias::default() };
        let scale = plain.scale(inputs * kernel * kernel);
        Ok(Self {
            weight: vb.get_with_hints((outputs, inputs, kernel, kernel), "weight", plain.init())?,
            style: EqualizedLinear::with_bias(w_dim, inputs, plain, None, bias, vb.pp("style"))?,
            how: ModulatedConv2d { up, demodulate, scale, gain },
        })
    }

    /// `x` `[N, in, H, W]` and `w` `[N, w_dim]` to `[N, out, H, W]`, or twice that size, and the way back.
    pub fn forward_with_vjp(&self, x: &Tensor, w: &Tensor) -> Result<(Tensor, ModulatedConvTape)> {
        self.styled(w, |style| self.how.forward_with_vjp(x, &self.weight, style))
    }

    /// As [`Self::forward_with_vjp`], with noise, bias and leaky ReLU behind it. The way back begins before them.
    pub fn forward_activated(
        &self,
        x: &Tensor,
        w: &Tensor,
        activation: &ScaledActivation<'_>,
    ) -> Result<(Tensor, ModulatedConvTape)> {
        self.styled(w, |style| self.how.forward_activated(x, &self.weight, style, activation))
    }

    /// Height and width of the result.
    pub fn output_size(&self, (h, w): (usize, usize)) -> (usize, usize) {
        if self.how.up { (2 * h, 2 * w) } else { (h, w) }
    }

    /// `convolve` with the style of `w`.
    fn styled(
        &self,
        w: &Tensor,
        convolve: impl FnOnce(&Tensor) -> Result<(Tensor, ModulatedConv2dTape)>,
    ) -> Result<(Tensor, ModulatedConvTape)> {
        let (style, style_vjp) = self.style.forward_with_vjp(w)?;
        let (y, conv) = convolve(&style)?;
        Ok((y, ModulatedConvTape { conv, style: style_vjp }))
    }
}

impl ModulatedConvTape {
    /// From the gradient of the result to those of `x` and of `w`, made of tracked operations.
    pub fn vjp(&self, g: &Tensor) -> Result<(Tensor, Tensor)> {
        let (gx, gstyle) = self.conv.vjp(g)?;
        Ok((gx, self.style.apply(&gstyle)?))
    }
}
