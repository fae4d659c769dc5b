//! StyleGAN2's convolutions with filtered resampling, without modulation.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_ops::{self as ops, Upfirdn};

use crate::activation::{Activation, Convolution};
use crate::{Equalized, Pullback};

/// A convolution that halves height and width (Karras et al. 2020, appendix B): a 3x3 one filters and then convolves with stride
/// 2, a 1x1 one convolves what was filtered and halved. Parameter: `weight` `[out, in, K, K]`, stored raw.
#[derive(Debug, Clone)]
pub struct FilteredDownConv2d {
    weight: Tensor,
    scale: f64,
}

impl FilteredDownConv2d {
    /// A layer from `inputs` to `outputs` channels with a `kernel` of 3 or 1.
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
            scale: equalized.scale(inputs * kernel * kernel),
        })
    }

    /// `[N, in, H, W]` to `[N, out, H/2, W/2]`, and what comes after.
    pub fn forward(&self, x: &Tensor, after: Option<&Activation>) -> Result<Tensor> {
        self.convolution()?.forward(&ops::upfirdn2d(x, &self.filter()?)?, after)
    }

    /// As [`Self::forward`], with the pullback to the input.
    pub fn forward_with_vjp(
        &self,
        x: &Tensor,
        after: Option<&Activation>,
    ) -> Result<(Tensor, Pullback)> {
        let (_, _, h, w) = x.dims4()?;
        let filter = self.filter()?;
        let filtered = ops::upfirdn2d(x, &filter)?;
        let (y, convolution) = self.convolution()?.forward_with_vjp(&filtered, after)?;
        let filter = Pullback::new(move |g| ops::upfirdn2d_vjp(g, &filter, (h, w)));
        Ok((y, filter.then(convolution)))
    }

    fn filter(&self) -> Result<Upfirdn> {
        let pointwise = self.weight.dim(3)? == 1;
        Ok(if pointwise { Upfirdn::halving() } else { Upfirdn::filtering(2, 1.0) })
    }

    fn convolution(&self) -> Result<Convolution> {
        let stride = if self.weight.dim(3)? == 1 { 1 } else { 2 };
        let (kernel, scale) = (self.weight.clone(), self.scale);
        Ok(Convolution { kernel, stride, padding: 0, scale })
    }
}
