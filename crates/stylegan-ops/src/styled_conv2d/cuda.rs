//! The layer on NVIDIA's GPUs: cuDNN's convolution, the blur, and one kernel for all that follows.

use candle_core::{CudaDevice, DType, Result, Tensor};

use super::Blurred;
use super::kernel::Layer;
use crate::blur::cuda::blur;
use crate::conv2d::cuda as conv2d;
use crate::kernel::cuda::{Elements, Room, launch, size, sums, with_elements};
use crate::planes::Planes;
use crate::scaled_act::sums_over_batch;

const NAME: &str = "styled_conv2d";

/// The activated map, which the backward pass needs, and the result.
pub(super) fn forward(
    device: &CudaDevice,
    layer: &Layer,
    x: Elements<'_>,
    w: Elements<'_>,
    small: Elements<'_>,
    noise: Option<Elements<'_>>,
) -> Result<(Room, Room)> {
    let convolved = match layer.up {
        None => conv2d::forward(device, x, w, &layer.geometry, layer.scale)?,
        Some(_) => conv2d::input_vjp(device, x, w, &layer.geometry, layer.scale)?,
    };
    let activated = match layer.up {
        Some(Blurred(true)) => blur(device, convolved.elements(), layer.size)?,
        _ => convolved,
    };
    let Sizes { planes, plane, channels, maps } = Sizes::of(layer)?;
    let y = Room::new(device, layer.planes.elements(), x.dtype())?;
    // Without noise the kernel does not look at it.
    let noise = noise.unwrap_or(small);
    launch!(
        device,
        "styled_epilogue_forward" of x.dtype(),
        sums(planes, layer.planes.len),
        [activated, noise, small, maps, layer.slope, plane, channels, layer.eps, y]
    )?;
    Ok((activated, y))
}

/// The gradients of the map behind convolution and blur, and of styles, biases and the noise's weights as they lie in the argument.
pub(super) fn backward(
    layer: &Layer,
    g: &Tensor,
    activated: &Tensor,
    small: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let Sizes { planes, plane, channels, maps } = Sizes::of(layer)?;
    let mut parameters = vec![small];
    parameters.extend(&layer.noise);
    with_elements(NAME, [g, activated], &parameters, |device, dtype, [own, activated], rest| {
        let gx = Room::new(device, own.len(), dtype)?;
        let gsmall = Room::new(device, small.elem_count(), DType::F32)?;
        let per_plane = Room::new(device, 2 * layer.planes.count(), DType::F32)?;
        let (small, noise) = (rest[0], rest[rest.len() - 1]);
        launch!(
            device,
            "styled_epilogue_backward" of dtype,
            sums(planes, layer.planes.len),
            [
                own,
                activated,
                noise,
                small,
                maps,
                layer.slope,
                plane,
                channels,
                layer.eps,
                gx,
                gsmall,
                per_plane
            ]
        )?;
        let styles = 2 * layer.planes.count();
        sums_over_batch(device, &per_plane, &layer.planes, 1.0, styles, &gsmall)?;
        let len = gsmall.elements().len();
        Ok((gx.tensor(g.shape()), gsmall.tensor(len)))
    })
}

/// As the kernels take them.
struct Sizes {
    planes: u32,
    plane: u32,
    channels: u32,
    maps: u32,
}

impl Sizes {
    fn of(layer: &Layer) -> Result<Self> {
        let Planes { channels, len, .. } = layer.planes;
        size(NAME, layer.planes.elements())?;
        let maps = layer.noise.as_ref().map_or(Ok(0), |maps| maps.dim(0))?;
        let planes = layer.planes.count() as u32;
        Ok(Self { planes, plane: len as u32, channels: channels as u32, maps: maps as u32 })
    }
}
