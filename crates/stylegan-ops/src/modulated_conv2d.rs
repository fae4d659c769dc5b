//! StyleGAN2's convolution: weights modulated by a style, and demodulated to unit energy (Karras et al. 2020, section 2.2, equations 1 to 3).
//!
//! ```text
//! w'[n,o,i,..] = scale * style[n,i] * w[o,i,..]                         modulation
//! d[n,o]       = 1 / sqrt(sum over i,.. of w'[n,o,i,..]^2 + 1e-8)       demodulation
//! y[n]         = gain * conv2d(x[n], d[n] * w'[n])
//! ```
//!
//! Weights are never made for each image: the style scales the channels of x, d those of y, and the batch stays one convolution. Doubling convolutions
//! are transposed ones of stride 2, followed by the filter [1, 3, 3, 1] in both axes; the stored weight is that of the transposed convolution.

use candle_core::{Result, Tensor, bail};

use crate::precision::wide;
use crate::{
    ScaledActivation, Upfirdn, channel_dot, conv2d, conv2d_input_vjp, kernel_energy, linear,
    linear_input_vjp, scale_channels, upfirdn2d, upfirdn2d_vjp,
};

/// Keeps the root of demodulation away from zero, as in the official implementation.
const EPS: f64 = 1e-8;

/// What a modulated convolution does beside its weight and style.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModulatedConv2d {
    /// Doubles height and width.
    pub up: bool,
    /// Divides by the root of the modulated weights' energy.
    pub demodulate: bool,
    /// The equalized learning rate's constant, on the weights.
    pub scale: f64,
    /// A factor on the result.
    pub gain: f64,
}

/// The way back from the result of a modulated convolution to its input and its style.
pub struct ModulatedConv2dTape {
    how: ModulatedConv2d,
    /// The input, tracked: the style's gradient depends on it.
    x: Tensor,
    /// [Co, Ci, K, K], or for doubling [Ci, Co, K, K].
    weight: Tensor,
    style: Tensor,
    demodulation: Option<Demodulated>,
    /// Height and width of the unfiltered doubled map.
    wide: (usize, usize),
    /// What demodulation scales.
    raw: Tensor,
}

/// Factors, and what their gradient needs.
struct Demodulated {
    energy: Tensor,
    /// [N, Co], without the gain.
    factors: Tensor,
}

/// 1 / sqrt(style^2 energy^T + 1e-8): style [N, Ci], energy [Co, Ci] (of [`kernel_energy`]) -> [N, Co].
///
/// Differentiable in both, to any order.
///
/// # Errors
/// If the channels differ.
pub fn demodulation(style: &Tensor, energy: &Tensor) -> Result<Tensor> {
    linear(&style.sqr()?, energy, 1.0)?.affine(1.0, EPS)?.sqrt()?.recip()
}

/// The gradient of `sum(g * demodulation(style, energy))` with respect to the style, from the factors [N, Co] that it gave; differentiable in all.
///
/// # Errors
/// If shapes do not fit.
pub fn demodulation_vjp(
    g: &Tensor,
    factors: &Tensor,
    style: &Tensor,
    energy: &Tensor,
) -> Result<Tensor> {
    // d(q^-1/2) = -1/2 q^-3/2 dq, and dq / dstyle = 2 style energy.
    let cubes = factors.sqr()?.mul(factors)?;
    linear_input_vjp(&g.mul(&cubes)?, energy, -1.0)?.mul(style)
}

impl ModulatedConv2d {
    /// x [N, Ci, H, W], w [Co, Ci, K, K] with K odd (3 when doubling), style [N, Ci] -> [N, Co, H, W], or [N, Co, 2H, 2W] when doubling.
    ///
    /// Differentiable in all three; for gradients of gradients use [`Self::forward_with_vjp`].
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn forward(&self, x: &Tensor, w: &Tensor, style: &Tensor) -> Result<Tensor> {
        Ok(self.forward_with_vjp(x, w, style)?.0)
    }

    /// The result, and the way back to x and the style, which is made of tracked operations and exact to the second order.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn forward_with_vjp(
        &self,
        x: &Tensor,
        w: &Tensor,
        style: &Tensor,
    ) -> Result<(Tensor, ModulatedConv2dTape)> {
        let tape = self.convolve(x, w, style)?;
        let y = match tape.factors()? {
            Some(factors) => scale_channels(&tape.raw, &factors)?,
            None => tape.raw.clone(),
        };
        Ok((y, tape))
    }

    /// The result through noise, bias and leaky ReLU, and the way back from what goes into them: from
    /// [`leaky_relu_vjp`](crate::leaky_relu_vjp) on this function's output. The same as [`Self::forward_with_vjp`] and the rest one after another; on a GPU one
    /// kernel demodulates and activates.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn forward_activated(
        &self,
        x: &Tensor,
        w: &Tensor,
        style: &Tensor,
        activation: &ScaledActivation<'_>,
    ) -> Result<(Tensor, ModulatedConv2dTape)> {
        let tape = self.convolve(x, w, style)?;
        let y = match tape.factors()? {
            Some(factors) => activation.forward(&tape.raw, &factors)?,
            None => activation.activate(&tape.raw)?,
        };
        Ok((y, tape))
    }

    /// Everything before demodulation scales.
    fn convolve(&self, x: &Tensor, w: &Tensor, style: &Tensor) -> Result<ModulatedConv2dTape> {
        // Squares of styles and their sums leave the range of float16.
        let style = &wide(style)?;
        let (_, _, h, width) = x.dims4()?;
        let kernel = w.dim(3)?;
        if self.up && kernel != 3 {
            bail!("modulated_conv2d: expected a 3x3 kernel for doubling, got {kernel}x{kernel}");
        }
        // What a transposed convolution of stride 2 and a 3x3 kernel makes. The filter takes three, and has one zero on each side.
        let wide = (2 * h + 1, 2 * width + 1);
        let weight = if self.up { w.transpose(0, 1)?.contiguous()? } else { w.clone() };
        let demodulation = match self.demodulate {
            true => {
                let energy = kernel_energy(w, self.scale)?;
                let factors = demodulation(style, &energy)?;
                Some(Demodulated { energy, factors })
            }
            false => None,
        };
        let modulated = scale_channels(x, style)?;
        // The gain goes with the factors where there are any.
        let own_gain = if self.demodulate { 1.0 } else { self.gain };
        let raw = if self.up {
            let y = conv2d_input_vjp(&modulated, &weight, wide, 2, 0, self.scale * own_gain)?;
            upfirdn2d(&y, &doubling_filter())?
        } else {
            conv2d(&modulated, &weight, 1, kernel / 2, self.scale * own_gain)?
        };
        let (x, style) = (x.clone(), style.clone());
        Ok(ModulatedConv2dTape { how: *self, x, weight, style, demodulation, wide, raw })
    }
}

/// The filter after a transposed convolution of stride 2, which spreads the sum of its taps over four pixels.
fn doubling_filter() -> Upfirdn {
    Upfirdn::filtering(1, 4.0)
}

impl ModulatedConv2dTape {
    /// What the result's channels are scaled with [N, Co]; none without demodulation.
    fn factors(&self) -> Result<Option<Tensor>> {
        let demodulation = self.demodulation.as_ref();
        demodulation.map(|d| d.factors.affine(self.how.gain, 0.0)).transpose()
    }

    /// From the gradient of the result to those of x and of the style.
    ///
    /// # Errors
    /// If g is not of the result's shape.
    pub fn vjp(&self, g: &Tensor) -> Result<(Tensor, Tensor)> {
        let ModulatedConv2d { up, scale, gain, .. } = self.how;
        let kernel = self.weight.dim(3)?;
        let mut own_gain = gain;
        let (mut g, mut gstyle) = (g.clone(), None);
        if let Some(Demodulated { energy, factors }) = &self.demodulation {
            own_gain = 1.0;
            let gfactors = channel_dot(&g, &self.raw)?.affine(gain, 0.0)?;
            gstyle = Some(demodulation_vjp(&gfactors, factors, &self.style, energy)?);
            g = scale_channels(&g, &factors.affine(gain, 0.0)?)?;
        }
        let (_, _, h, w) = self.x.dims4()?;
        let g = if up {
            let g = upfirdn2d_vjp(&g, &doubling_filter(), self.wide)?;
            conv2d(&g, &self.weight, 2, 0, scale * own_gain)?
        } else {
            conv2d_input_vjp(&g, &self.weight, (h, w), 1, kernel / 2, scale * own_gain)?
        };
        let modulation = channel_dot(&g, &self.x)?;
        let gstyle = match gstyle {
            Some(demodulation) => (modulation + demodulation)?,
            None => modulation,
        };
        Ok((scale_channels(&g, &self.style)?, gstyle))
    }
}

#[cfg(test)]
mod tests;
