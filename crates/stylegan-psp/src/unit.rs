//! The improved residual unit, with and without squeeze and excitation.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};
use stylegan_ops as ops;

use crate::layers::{Conv, Prelu};
use crate::norm::{BatchNorm, Mode};

/// Channels are squeezed to one in so many.
const REDUCTION: usize = 16;

/// `shortcut(x) + residual(x)`, where the residual is norm, 3x3 convolution, PReLU, 3x3 convolution with the stride, norm, and squeeze
/// and excitation (Deng et al. 2019, section 3.1; Hu et al. 2018, section 3).
///
/// The shortcut takes every stride-th pixel, through a 1x1 convolution and a norm where the channels change. Parameters:
/// `shortcut_layer.{0,1}.*`, `res_layer.{0..5}.*`.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    shortcut: Option<(Conv, BatchNorm)>,
    stride: usize,
    norm_in: BatchNorm,
    conv_in: Conv,
    act: Prelu,
    conv_out: Conv,
    norm_out: BatchNorm,
    excitation: Option<Excitation>,
}

impl Unit {
    pub(crate) fn new(
        inputs: usize,
        outputs: usize,
        stride: usize,
        squeeze_excitation: bool,
        vb: VarBuilder,
    ) -> Result<Self> {
        let res = |index: usize| vb.pp("res_layer").pp(index);
        let shortcut = if inputs == outputs {
            None
        } else {
            let vb = vb.pp("shortcut_layer");
            let conv = Conv::new((inputs, outputs, 1, stride), vb.pp(0))?;
            Some((conv, BatchNorm::new(outputs, vb.pp(1))?))
        };
        Ok(Self {
            shortcut,
            stride,
            norm_in: BatchNorm::new(inputs, res(0))?,
            conv_in: Conv::new((inputs, outputs, 3, 1), res(1))?,
            act: Prelu::new(outputs, res(2))?,
            conv_out: Conv::new((outputs, outputs, 3, stride), res(3))?,
            norm_out: BatchNorm::new(outputs, res(4))?,
            excitation: squeeze_excitation.then(|| Excitation::new(outputs, res(5))).transpose()?,
        })
    }

    /// `[N, in, H, W]` to `[N, out, H / stride, W / stride]`, rounded up.
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let shortcut = match &self.shortcut {
            Some((conv, norm)) => norm.forward(&conv.forward(x, mode)?, mode)?,
            None => every(x, self.stride)?,
        };
        let y = self.conv_in.forward(&self.norm_in.forward(x, mode)?, mode)?;
        let y = self.conv_out.forward(&self.act.forward(&y)?, mode)?;
        let y = self.norm_out.forward(&y, mode)?;
        let y = match &self.excitation {
            Some(excitation) => excitation.forward(&y)?,
            None => y,
        };
        y + shortcut
    }
}

/// Every `stride`-th row and column, beginning with the first.
fn every(x: &Tensor, stride: usize) -> Result<Tensor> {
    if stride == 1 {
        return Ok(x.clone());
    }
    let (n, c, h, w) = x.dims4()?;
    let (rows, columns) = (h.div_ceil(stride), w.div_ceil(stride));
    let x = if (rows * stride, columns * stride) == (h, w) {
        x.clone()
    } else {
        let x = x.pad_with_zeros(2, 0, rows * stride - h)?;
        x.pad_with_zeros(3, 0, columns * stride - w)?
    };
    let x = x.reshape(&[n, c, rows, stride, columns, stride][..])?;
    x.narrow(3, 0, 1)?.narrow(5, 0, 1)?.contiguous()?.reshape((n, c, rows, columns))
}

/// Every channel times a factor from 0 to 1 that follows from all channels' means. Parameters: `fc1.weight`, `fc2.weight`, 1x1 without
/// bias.
#[derive(Debug, Clone)]
struct Excitation {
    squeeze: Tensor,
    excite: Tensor,
}

impl Excitation {
    fn new(channels: usize, vb: VarBuilder) -> Result<Self> {
        let inner = channels / REDUCTION;
        let get = |name: &str, outputs: usize, inputs: usize| -> Result<Tensor> {
            let bound = 1.0 / (inputs as f64).sqrt();
            let init = Init::Uniform { lo: -bound, up: bound };
            let shape = (outputs, inputs, 1, 1);
            vb.pp(name).get_with_hints(shape, "weight", init)?.reshape((outputs, inputs))
        };
        Ok(Self { squeeze: get("fc1", inner, channels)?, excite: get("fc2", channels, inner)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let means = ops::plane_means(x)?;
        let inner = ops::linear(&means, &self.squeeze, 1.0)?.relu()?;
        let factors = candle_nn::ops::sigmoid(&ops::linear(&inner, &self.excite, 1.0)?)?;
        ops::scale_channels(x, &factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn every_second_pixel_is_taken() -> Result<()> {
        let x = Tensor::arange(0f32, 15.0, &Device::Cpu)?.reshape((1, 1, 3, 5))?;
        assert_eq!(every(&x, 2)?.flatten_all()?.to_vec1::<f32>()?, [0., 2., 4., 10., 12., 14.]);
        let x = Tensor::arange(0f32, 8.0, &Device::Cpu)?.reshape((1, 1, 2, 4))?;
        assert_eq!(every(&x, 2)?.flatten_all()?.to_vec1::<f32>()?, [0., 2.]);
        Ok(())
    }
}
