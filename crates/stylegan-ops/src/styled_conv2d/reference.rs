//! The executable specification: the operations that the layer is made of.

use candle_core::{Result, Tensor};

use super::{Blurred, StyledConv2d};
use crate::{adain, bias_act, blur, conv2d, conv2d_input_vjp, noise_bias_act};

pub(super) fn forward(
    layer: &StyledConv2d<'_>,
    x: &Tensor,
    w: &Tensor,
    style: &Tensor,
) -> Result<Tensor> {
    let &StyledConv2d { up, scale, noise, bias, slope, eps } = layer;
    let (_, _, h, width) = x.dims4()?;
    let mut y = match up {
        None => conv2d(x, w, 1, w.dim(3)? / 2, scale)?,
        Some(_) => conv2d_input_vjp(x, w, (2 * h, 2 * width), 2, 1, scale)?,
    };
    if up == Some(Blurred(true)) {
        y = blur(&y)?;
    }
    let y = match noise {
        Some((maps, weight)) => noise_bias_act(&y, maps, weight, bias, 1.0, slope)?,
        None => bias_act(&y, bias, 1.0, Some(slope))?,
    };
    adain(&y, style, eps)
}
