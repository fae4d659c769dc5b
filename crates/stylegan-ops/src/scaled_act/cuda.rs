//! Kernels for NVIDIA's GPUs.

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor,
    bail,
};

use super::ScaledActivation;
use crate::kernel::cuda::{
    Elements, Room, elements, kernels_take, launch, size, sums, with_elements,
};
use crate::planes::Planes;

const NAME: &str = "scaled_act";

/// Whether there is a kernel for these arguments, whose shapes must fit; whatever does not is left to the parts, which say why.
pub(super) fn applies(how: &ScaledActivation<'_>, x: &Tensor, s: &Tensor) -> bool {
    let &[n, c, h, w] = x.dims() else { return false };
    let mut parameters = vec![s, how.bias];
    if let Some((maps, weight)) = how.noise {
        let fits = [[1, 1, h, w], [n, 1, h, w]].iter().any(|shape| maps.dims() == shape);
        if maps.track_op() || !fits || weight.dims() != [c] {
            return false;
        }
        parameters.extend([maps, weight]);
    }
    // Written so that a NaN is refused.
    let fits = s.dims() == [n, c] && how.bias.dims() == [c] && how.slope >= 0.0;
    fits && kernels_take(&[x], &parameters)
}

pub(super) fn forward(how: &ScaledActivation<'_>, x: &Tensor, s: &Tensor) -> Result<Tensor> {
    let (batch, channels, h, w) = x.dims4()?;
    let op = ScaledAct {
        planes: Planes { batch, channels, len: h * w },
        maps: how.noise.map(|(maps, _)| maps.contiguous()).transpose()?,
        bias_scale: how.bias_scale as f32,
        slope: how.slope as f32,
    };
    // One argument for biases and weights: candle's operations take three.
    let small = match how.noise {
        Some((_, weight)) => Tensor::cat(&[how.bias, weight], 0)?,
        None => how.bias.contiguous()?,
    };
    x.contiguous()?.apply_op3(&s.contiguous()?, &small, op)
}

/// The operation: x, s and one vector of biases `[C]` and, with noise, its weights `[C]`.
struct ScaledAct {
    planes: Planes,
    maps: Option<Tensor>,
    bias_scale: f32,
    slope: f32,
}

impl ScaledAct {
    /// Maps, as the kernels count them, elements of a plane, and channels.
    fn sizes(&self) -> Result<(u32, u32, u32)> {
        size(NAME, self.planes.elements())?;
        let maps = self.maps.as_ref().map_or(Ok(0), |maps| maps.dim(0))?;
        Ok((maps as u32, self.planes.len as u32, self.planes.channels as u32))
    }

    fn launch(
        &self,
        device: &CudaDevice,
        x: Elements<'_>,
        s: Elements<'_>,
        noise: Elements<'_>,
        small: Elements<'_>,
    ) -> Result<Room> {
        let (maps, plane, channels) = self.sizes()?;
        let y = Room::new(device, x.len(), x.dtype())?;
        let count = x.len() as u32;
        launch!(
            device,
            "scaled_act_forward" of x.dtype(),
            elements(count),
            [count, x, s, noise, small, maps, self.bias_scale, self.slope, plane, channels, y]
        )?;
        Ok(y)
    }
}

impl CustomOp3 for ScaledAct {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _x: &CpuStorage,
        _x_layout: &Layout,
        _s: &CpuStorage,
        _s_layout: &Layout,
        _small: &CpuStorage,
        _small_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        bail!("{NAME}: on the CPU its parts are computed")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        s: &CudaStorage,
        s_layout: &Layout,
        small: &CudaStorage,
        small_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(NAME, x, x_layout)?;
        let s = Elements::float32(NAME, s, s_layout)?;
        let small = Elements::float32(NAME, small, small_layout)?;
        let y = match &self.maps {
            Some(maps) => {
                let (storage, layout) = maps.storage_and_layout();
                let Storage::Cuda(storage) = &*storage else {
                    bail!("{NAME}: expected noise on the GPU");
                };
                let noise = Elements::float32(NAME, storage, layout)?;
                self.launch(device, x, s, noise, small)?
            }
            // Without noise the kernel does not look at it.
            None => self.launch(device, x, s, small, small)?,
        };
        Ok(y.result(x_layout.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        s: &Tensor,
        small: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        let (maps, plane, channels) = self.sizes()?;
        let mut parameters = vec![s];
        parameters.extend(&self.maps);
        with_elements(NAME, [&g, x, y], &parameters, |device, dtype, [own, input, y], rest| {
            let gx = Room::new(device, own.len(), dtype)?;
            let gs = Room::new(device, self.planes.count(), DType::F32)?;
            let per_plane = Room::new(device, 2 * self.planes.count(), DType::F32)?;
            let (factors, noise) = (rest[0], rest[rest.len() - 1]);
            launch!(
                device,
                "scaled_act_backward" of dtype,
                sums(self.planes.count() as u32, self.planes.len),
                [
                    own, input, y, factors, noise, maps, self.slope, plane, channels, gx, gs,
                    per_plane
                ]
            )?;
            let gsmall = Room::new(device, small.elem_count(), DType::F32)?;
            let scale = self.bias_scale;
            sums_over_batch(device, &per_plane, &self.planes, scale, 0, &gsmall)?;
            Ok((
                x.track_op().then(|| gx.tensor(x.shape())),
                s.track_op().then(|| gs.tensor(s.shape())),
                small.track_op().then(|| gsmall.tensor(small.shape())),
            ))
        })
    }
}

/// The gradients of biases, times `scale`, and of the noise's weights if `out` has room for them, behind its element `first`: the sums over images of two
/// tables of sums of planes.
pub(crate) fn sums_over_batch(
    device: &CudaDevice,
    per_plane: &Room,
    planes: &Planes,
    scale: f32,
    first: usize,
    out: &Room,
) -> Result<()> {
    let count = size(NAME, out.elements().len() - first)?;
    let (batch, channels) = (planes.batch as u32, planes.channels as u32);
    launch!(
        device,
        "sums_over_batch",
        elements(count),
        [count, per_plane.elements(), batch, channels, scale, first as u32, out.elements()]
    )
}
