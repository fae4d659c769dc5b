//! What follows StyleGAN2's convolution: demodulation, noise, bias and leaky ReLU.
//!
//! ```text
//! y[n,c,i,j] = f(x[n,c,i,j] * s[n,c] + noise_weight[c] * noise[n,0,i,j] + bias_scale * bias[c])
//! ```
//!
//! Karras et al. 2020, figure 2d. It is [`scale_channels`] and then [`noise_bias_act`], which are the reference form and what the CPU runs. On a GPU it is one
//! kernel each way, and the scaled map is neither written nor kept.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor};

#[cfg(feature = "cudnn")]
pub(crate) use cuda::sums_over_batch;

use crate::{bias_act, noise_bias_act, scale_channels};

/// What is done to a convolution's result beside its factors.
#[derive(Clone, Copy, Debug)]
pub struct ScaledActivation<'a> {
    /// Maps [1 or N, 1, H, W], and a weight for each channel `[C]`.
    pub noise: Option<(&'a Tensor, &'a Tensor)>,
    /// `[C]`.
    pub bias: &'a Tensor,
    /// A factor on the bias.
    pub bias_scale: f64,
    /// Of the leaky ReLU.
    pub slope: f64,
}

impl ScaledActivation<'_> {
    /// x [N, C, H, W], s [N, C] -> [N, C, H, W].
    ///
    /// Differentiable in x, s, the bias and the noise's weights; as with [`noise_bias_act`], tracked maps take the reference form, and gradients of gradients are
    /// written with the vector-Jacobian products of the parts.
    ///
    /// # Errors
    /// As those of [`scale_channels`] and [`noise_bias_act`].
    pub fn forward(&self, x: &Tensor, s: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if cuda::applies(self, x, s) {
            return cuda::forward(self, x, s);
        }
        self.parts(x, s)
    }

    /// The executable specification.
    fn parts(&self, x: &Tensor, s: &Tensor) -> Result<Tensor> {
        self.activate(&scale_channels(x, s)?)
    }

    /// Without factors.
    pub(crate) fn activate(&self, x: &Tensor) -> Result<Tensor> {
        let &Self { noise, bias, bias_scale, slope } = self;
        match noise {
            Some((maps, weight)) => noise_bias_act(x, maps, weight, bias, bias_scale, slope),
            None => bias_act(x, bias, bias_scale, Some(slope)),
        }
    }
}
