//! What a layer of a synthesis network begins with.

use candle_core::{Result, Tensor};
use stylegan_layers::{EqualizedConv2d, UpConv2d};
use stylegan_ops::{self as ops, StyledConv2d};

/// The first part of a layer.
#[derive(Debug, Clone)]
pub(crate) enum Conv {
    /// Nothing: the network's input.
    Input,
    /// A convolution.
    Same(EqualizedConv2d),
    /// A convolution that doubles the size, and its blur.
    Up { conv: UpConv2d, blur: Blur },
}

/// What follows an upscaling convolution.
#[derive(Debug, Clone)]
pub(crate) enum Blur {
    /// Nothing.
    None,
    /// The usual kernel.
    Binomial,
    /// A kernel `[C, 1, 3, 3]`.
    Custom(Tensor),
}

impl Conv {
    /// `[N, Ci, H, W]` to `[N, C, H, W]` or twice that size. An `early` bias goes before the blur.
    pub(crate) fn forward(&self, x: &Tensor, early: Option<&Tensor>) -> Result<Tensor> {
        let (x, blur) = match self {
            Self::Input => return Ok(x.clone()),
            Self::Same(conv) => return conv.forward(x),
            Self::Up { conv, blur } => (conv.forward(x)?, blur),
        };
        let x = match early {
            Some(bias) => ops::bias_act(&x, bias, 1.0, None)?,
            None => x,
        };
        match blur {
            Blur::None => Ok(x),
            Blur::Binomial => ops::blur(&x),
            Blur::Custom(kernel) => {
                let y = x.to_dtype(kernel.dtype())?.conv2d(kernel, 1, 1, 1, kernel.dim(0)?)?;
                y.to_dtype(x.dtype())
            }
        }
    }

    /// As one operation with the rest of the layer; `None` where there is none.
    pub(crate) fn forward_styled(
        &self,
        x: &Tensor,
        rest: StyledConv2d<'_>,
        style: &Tensor,
    ) -> Result<Option<Tensor>> {
        match self {
            Self::Input | Self::Up { blur: Blur::Custom(_), .. } => Ok(None),
            Self::Same(conv) => conv.forward_styled(x, rest, style).map(Some),
            Self::Up { conv, blur } => {
                conv.forward_styled(x, matches!(blur, Blur::Binomial), rest, style).map(Some)
            }
        }
    }
}
