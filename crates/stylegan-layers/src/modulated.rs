//! StyleGAN2's modulated convolution as a layer.

use candle_core::{D, DType, Result, Tensor};
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
        self.styled(x, w, |weight, style| self.how.forward_with_vjp(x, weight, style))
    }

    /// As [`Self::forward_with_vjp`], with noise, bias and leaky ReLU behind it. The way back begins before them.
    pub fn forward_activated(
        &self,
        x: &Tensor,
        w: &Tensor,
        activation: &ScaledActivation<'_>,
    ) -> Result<(Tensor, ModulatedConvTape)> {
        self.styled(x, w, |weight, style| self.how.forward_activated(x, weight, style, activation))
    }

    /// Height and width of the result.
    pub fn output_size(&self, (h, w): (usize, usize)) -> (usize, usize) {
        if self.how.up { (2 * h, 2 * w) } else { (h, w) }
    }

    /// `convolve` with the weight and the style of `w`.
    fn styled(
        &self,
        x: &Tensor,
        w: &Tensor,
        convolve: impl FnOnce(&Tensor, &Tensor) -> Result<(Tensor, ModulatedConv2dTape)>,
    ) -> Result<(Tensor, ModulatedConvTape)> {
        let (style, style_vjp) = self.style.forward_with_vjp(w)?;
        if !(self.how.demodulate && x.dtype() == DType::F16) {
            let (y, conv) = convolve(&self.weight, &style)?;
            return Ok((y, ModulatedConvTape { conv, style: style_vjp }));
        }
        let weight = self.weight.flatten_from(1)?.broadcast_div(&largest(&self.weight)?)?;
        let norm = largest(&style)?;
        let (y, conv) =
            convolve(&weight.reshape(self.weight.shape())?, &style.broadcast_div(&norm)?)?;
        let divide = Pullback::new(move |g| g.broadcast_div(&norm));
        Ok((y, ModulatedConvTape { conv, style: style_vjp.then(divide) }))
    }
}

/// The largest absolute value of each row `[N, 1]`. Demodulation takes a factor on an image's styles or an output's weights out
/// again: dividing by these keeps what lies between in the range of float16, and changes neither result nor gradient. So nothing has
/// to flow through them.
fn largest(rows: &Tensor) -> Result<Tensor> {
    // Rows of zeros stay as they are.
    rows.detach().flatten_from(1)?.abs()?.max_keepdim(D::Minus1)?.affine(1.0, 1e-12)
}

impl ModulatedConvTape {
    /// From the gradient of the result to those of `x` and of `w`, made of tracked operations.
    pub fn vjp(&self, g: &Tensor) -> Result<(Tensor, Tensor)> {
        let (gx, gstyle) = self.conv.vjp(g)?;
        Ok((gx, self.style.apply(&gstyle)?))
    }
}
