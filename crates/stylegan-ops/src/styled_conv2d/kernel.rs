//! The layer as one operation, made of the kernels of its parts.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cudnn")]
use candle_core::{CudaStorage, Storage, backend::BackendStorage};

use super::Blurred;
#[cfg(feature = "cudnn")]
use super::cuda;
use crate::bias_act::cpu::backward as bias_act_backward;
use crate::blur::cpu::blur;
use crate::conv2d::{Geometry, cpu as conv2d};
#[cfg(feature = "cudnn")]
use crate::conv2d::{gradients, input_vjp_gradients};
use crate::instance_norm::cpu::{self as instance_norm, Statistics};
#[cfg(feature = "cudnn")]
use crate::kernel::cuda::Elements;
use crate::kernel::f32_slice;
use crate::noise_bias_act::cpu as noise_bias_act;
use crate::planes::{Planes, view};

const NAME: &str = "styled_conv2d";

/// The operation: x, w and one vector of styles [N, 2C], biases `[C]` and, with noise, its weights `[C]`.
pub(super) struct Layer {
    /// Of the convolution, or of the one whose input gradient doubles.
    pub geometry: Geometry,
    /// Of the result.
    pub planes: Planes,
    /// Height and width of the result.
    pub size: (usize, usize),
    pub up: Option<Blurred>,
    pub scale: f32,
    pub noise: Option<Tensor>,
    pub slope: f32,
    pub eps: f64,
    /// Whether there will be a backward pass.
    pub tracked: bool,
    pub kept: OnceLock<Kept>,
}

/// What the forward pass keeps for the backward pass: the map before the normalization.
pub(super) enum Kept {
    /// With the statistics of each plane.
    Cpu(Vec<f32>, Vec<Statistics>),
    /// A GPU makes the statistics again.
    #[cfg(feature = "cudnn")]
    Gpu(Tensor),
}

/// The parts of the vector of all that is small.
struct Small<'a> {
    style: &'a [f32],
    bias: &'a [f32],
    noise_weight: &'a [f32],
}

impl Layer {
    fn small<'a>(&self, all: &'a [f32]) -> Small<'a> {
        let Planes { batch, channels, .. } = self.planes;
        let (style, rest) = all.split_at(2 * batch * channels);
        let (bias, noise_weight) = rest.split_at(channels);
        Small { style, bias, noise_weight }
    }

    fn output_shape(&self) -> Shape {
        let (Planes { batch, channels, .. }, (h, w)) = (self.planes, self.size);
        (batch, channels, h, w).into()
    }

    /// The gradients of x and w from that of the map behind the convolution, on a GPU.
    #[cfg(feature = "cudnn")]
    fn through_convolution(
        &self,
        x: &Tensor,
        w: &Tensor,
        g: &Tensor,
        gsmall: Option<Tensor>,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        // The blur is its own adjoint.
        let g = &if self.up == Some(Blurred(true)) { crate::blur(g)? } else { g.clone() };
        let (geo, scale) = (&self.geometry, f64::from(self.scale));
        let (gx, gw) = match self.up {
            None => gradients(geo, scale, x, w, g)?,
            Some(_) => input_vjp_gradients(geo, scale, x, w, g)?,
        };
        Ok((gx, gw, gsmall))
    }

    fn blurred(&self, x: Vec<f32>) -> Vec<f32> {
        match self.up {
            Some(Blurred(true)) => blur(&x, self.planes.count(), self.size.0, self.size.1),
            _ => x,
        }
    }
}

impl CustomOp3 for Layer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        small: &CpuStorage,
        small_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(NAME, x, x_layout)?;
        let w = f32_slice(NAME, w, w_layout)?;
        let Small { style, bias, noise_weight } = self.small(f32_slice(NAME, small, small_layout)?);
        let convolved = match self.up {
            None => conv2d::forward(x, w, &self.geometry, self.scale, false),
            Some(_) => conv2d::input_vjp(x, w, &self.geometry, self.scale),
        };
        let mut activated = self.blurred(convolved);
        let maps = self.noise.as_ref().map(|noise| view(NAME, noise)).transpose()?;
        let noise = maps.as_ref().map(|maps| (maps.slice(), noise_weight));
        noise_bias_act::in_place(&mut activated, noise, bias, &self.planes, 1.0, self.slope);
        let (y, statistics) =
            instance_norm::forward(&activated, Some(style), &self.planes, self.eps);
        if self.tracked {
            self.kept.get_or_init(|| Kept::Cpu(activated, statistics));
        }
        Ok((CpuStorage::F32(y), self.output_shape()))
    }

    #[cfg(feature = "cudnn")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
        small: &CudaStorage,
        small_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(NAME, x, x_layout)?;
        let w = Elements::of(NAME, w, w_layout)?;
        let small = Elements::float32(NAME, small, small_layout)?;
        let maps = self.noise.as_ref().map(Tensor::storage_and_layout);
        let noise = match &maps {
            Some((storage, layout)) => {
                let Storage::Cuda(storage) = &**storage else {
                    bail!("{NAME}: expected noise on the GPU");
                };
                Some(Elements::float32(NAME, storage, layout)?)
            }
            None => None,
        };
        let (activated, y) = cuda::forward(device, self, x, w, small, noise)?;
        if self.tracked {
            self.kept.get_or_init(|| Kept::Gpu(activated.tensor(self.output_shape())));
        }
        Ok(y.result(self.output_shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        small: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        let (activated, statistics) = match self.kept.get() {
            Some(Kept::Cpu(activated, statistics)) => (activated, statistics),
            #[cfg(feature = "cudnn")]
            Some(Kept::Gpu(activated)) => {
                let (g, gsmall) = cuda::backward(self, &g, activated, small)?;
                return self.through_convolution(x, w, &g, small.track_op().then_some(gsmall));
            }
            None => bail!("{NAME}: backward before forward"),
        };
        let (planes, slope) = (&self.planes, self.slope);
        let small_view = view(NAME, small)?;
        let style = Some(self.small(small_view.slice()).style);
        let (g, sums) =
            instance_norm::backward(view(NAME, &g)?.slice(), activated, style, statistics, planes);
        // Styles, biases and the noise's weights, as they lie in the argument.
        let mut gsmall = instance_norm::style_gradient(&sums, planes);
        let g = match &self.noise {
            Some(maps) => {
                let maps = view(NAME, maps)?;
                let (g, sums) =
                    noise_bias_act::backward(&g, activated, maps.slice(), planes, slope);
                gsmall.extend(sums.iter().map(|sums| sums[0] as f32));
                gsmall.extend(sums.iter().map(|sums| sums[1] as f32));
                g
            }
            None => {
                let (g, sums) = bias_act_backward(&g, activated, planes, slope, true);
                gsmall.extend(sums.iter().flatten().map(|sums| sums[0] as f32));
                g
            }
        };
        // The blur is its own adjoint.
        let g = self.blurred(g);
        let (geo, scale) = (&self.geometry, self.scale);
        let gx = x.track_op().then(|| {
            let w = view(NAME, w)?;
            let gx = match self.up {
                None => conv2d::input_vjp(&g, w.slice(), geo, scale),
                Some(_) => conv2d::forward(&g, w.slice(), geo, scale, false),
            };
            Tensor::from_vec(gx, x.shape().clone(), x.device())
        });
        let gw = w.track_op().then(|| {
            let x = view(NAME, x)?;
            let gw = match self.up {
                None => conv2d::weight_vjp(x.slice(), &g, geo, scale),
                Some(_) => conv2d::weight_vjp(&g, x.slice(), geo, scale),
            };
            Tensor::from_vec(gw, w.shape().clone(), w.device())
        });
        let gsmall = small
            .track_op()
            .then(|| Tensor::from_vec(gsmall, small.shape().clone(), small.device()));
        Ok((gx.transpose()?, gw.transpose()?, gsmall.transpose()?))
    }
}
