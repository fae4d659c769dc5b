//! A whole layer of StyleGAN's synthesis network: convolution, noise, bias, leaky ReLU, instance normalization and style.
//!
//! ```text
//! c = scale * conv2d(x, w)                            or, doubling, the blurred conv2d_input_vjp(x, w)
//! a = leaky_relu(c + noise_weight * noise + bias)
//! y = adain(a, style)
//! ```
//!
//! Karras et al. 2019, figure 1b. Each line is a public operation of this crate, and the reference form calls them. As one operation, the backward
//! pass keeps a and y alone of the up to five maps.

#[cfg(feature = "cudnn")]
mod cuda;
mod kernel;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{Result, Tensor, bail};

use crate::bias_act::check_channels;
use crate::conv2d::{Geometry, form};
use crate::kernel::Form;
use crate::leaky_relu::check_slope;
use crate::planes::Planes;
use crate::precision::matching;
use kernel::Layer;

/// What a layer of the synthesis network does beside its weight and its style.
#[derive(Clone, Copy, Debug)]
pub struct StyledConv2d<'a> {
    /// Doubles height and width, and blurs the result or not.
    pub up: Option<Blurred>,
    /// The equalized learning rate's constant, on the weight.
    pub scale: f64,
    /// Maps [1 or N, 1, H, W] of the result's size, and a weight for each channel `[Co]`.
    pub noise: Option<(&'a Tensor, &'a Tensor)>,
    /// `[Co]`.
    pub bias: &'a Tensor,
    /// Of the leaky ReLU.
    pub slope: f64,
    /// Under the root of the normalization.
    pub eps: f64,
}

/// Whether a doubled map is blurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blurred(pub bool);

impl StyledConv2d<'_> {
    /// x [N, Ci, H, W], w [Co, Ci, K, K] with K odd, style [N, 2 Co] -> [N, Co, H, W]; doubling, w is [Ci, Co, 4, 4] as
    /// [`fused_up_kernel`](crate::fused_up_kernel) makes it, and the result [N, Co, 2H, 2W].
    ///
    /// Differentiable once, in x, w, style, bias and the noise's weights. Noise maps that are themselves tracked take the reference form, which is
    /// differentiable in them too.
    ///
    /// # Errors
    /// If shapes do not fit or the slope is negative.
    pub fn forward(&self, x: &Tensor, w: &Tensor, style: &Tensor) -> Result<Tensor> {
        let w = &matching(x, w)?;
        let mut parameters = vec![style, self.bias];
        parameters.extend(self.noise.iter().flat_map(|(maps, weight)| [*maps, *weight]));
        let maps_are_tracked = self.noise.is_some_and(|(maps, _)| maps.track_op());
        if maps_are_tracked || form(&[x, w], &parameters) != Form::Kernel {
            return reference::forward(self, x, w, style);
        }
        let layer = self.layer(x, w, style)?;
        // One argument for all that is small: candle's operations take three.
        let mut small = vec![style.flatten_all()?, self.bias.clone()];
        small.extend(self.noise.map(|(_, weight)| weight.clone()));
        x.contiguous()?.apply_op3(&w.contiguous()?, &Tensor::cat(&small, 0)?, layer)
    }

    /// The checked sizes.
    fn layer(&self, x: &Tensor, w: &Tensor, style: &Tensor) -> Result<Layer> {
        const NAME: &str = "styled_conv2d";
        let geometry = match self.up {
            None => Geometry::forward(x, w, 1, w.dim(3)? / 2)?,
            Some(_) => {
                let (_, _, h, width) = x.dims4()?;
                Geometry::input_vjp(x, w, (2 * h, 2 * width), 2, 1)?
            }
        };
        let (channels, (h, width)) = match self.up {
            None => (geometry.out_channels, (geometry.out_h, geometry.out_w)),
            Some(_) => (geometry.in_channels, (geometry.in_h, geometry.in_w)),
        };
        let n = geometry.batch;
        check_channels(NAME, "bias", self.bias, channels)?;
        check_slope(NAME, self.slope)?;
        if style.dims() != [n, 2 * channels] {
            bail!("{NAME}: expected a style {:?}, got {:?}", [n, 2 * channels], style.dims());
        }
        if let Some((maps, weight)) = self.noise {
            check_channels(NAME, "noise weight", weight, channels)?;
            match *maps.dims() {
                [maps, 1, height, wide]
                    if (maps == 1 || maps == n) && (height, wide) == (h, width) => {}
                ref other => {
                    bail!("{NAME}: expected noise [1 or {n}, 1, {h}, {width}], got {other:?}")
                }
            }
        }
        let noise = self.noise.map(|(maps, _)| maps.contiguous()).transpose()?;
        let tracked = [x, w, style, self.bias].iter().any(|t| t.track_op())
            || self.noise.is_some_and(|(_, weight)| weight.track_op());
        Ok(Layer {
            geometry,
            planes: Planes { batch: n, channels, len: h * width },
            size: (h, width),
            up: self.up,
            scale: self.scale as f32,
            noise,
            slope: self.slope as f32,
            eps: self.eps,
            tracked,
            kept: Default::default(),
        })
    }
}
