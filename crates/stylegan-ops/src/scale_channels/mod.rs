//! Channels of each image times a factor of their own, and the products of channels that are its other gradient.
//!
//! ```text
//! y[n,c,..] = x[n,c,..] * s[n,c]               scale_channels
//! d[n,c]    = sum over positions of a * b      channel_dot
//! ```
//!
//! Both are the trilinear form `sum of x * s * g`, so the gradients of each are the two, and derivatives of any order need nothing else.
//! Modulation and demodulation of StyleGAN2 (Karras et al. 2020, section 2.2) are written with them: scaling a convolution's input and output is the
//! same as scaling its weights for each image, and the batch stays one convolution.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::planes::Planes;
use crate::precision::{wide, widened};

/// x [N, C, H, W], s [N, C] -> [N, C, H, W]: every channel of every image times its factor.
///
/// Differentiable in x and s to any order; the vector-Jacobian products are `scale_channels(g, s)` and [`channel_dot`]`(g, x)`.
///
/// # Errors
/// If x does not have four dimensions or s is not [N, C].
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.]], [[3., 4.]]]], &Device::Cpu)?;
/// let s = Tensor::new(&[[10f32, 100.]], &Device::Cpu)?;
/// let y = stylegan_ops::scale_channels(&x, &s)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [10., 20., 300., 400.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn scale_channels(x: &Tensor, s: &Tensor) -> Result<Tensor> {
    let planes = planes("scale_channels", x)?;
    if s.dims() != [planes.batch, planes.channels] {
        let expected = [planes.batch, planes.channels];
        bail!("scale_channels: expected factors {expected:?}, got {:?}", s.dims());
    }
    match Form::of(&[x], &[s]) {
        Form::Kernel => x.contiguous()?.apply_op2(&s.contiguous()?, Scale { planes }),
        Form::Widened => widened([x, s], |[x, s]| scale_channels(x, s)),
        Form::Reference => reference::scale(x, s),
    }
}

/// a and b [N, C, H, W] -> [N, C]: the sum of products of every channel of every image.
///
/// Differentiable in a and b to any order.
///
/// # Errors
/// If a does not have four dimensions or b has another shape.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let a = Tensor::new(&[[[[1f32, 2.]], [[3., 4.]]]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::channel_dot(&a, &a)?.to_vec2::<f32>()?, [[5., 25.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn channel_dot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let planes = planes("channel_dot", a)?;
    if a.shape() != b.shape() {
        bail!("channel_dot: expected equal shapes, got {:?} and {:?}", a.dims(), b.dims());
    }
    match Form::of(&[a, b], &[]) {
        Form::Kernel => a.contiguous()?.apply_op2(&b.contiguous()?, Dot { planes }),
        Form::Widened => channel_dot(&wide(a)?, &wide(b)?),
        Form::Reference => reference::dot(a, b),
    }
}

fn planes(op: &'static str, x: &Tensor) -> Result<Planes> {
    match *x.dims() {
        [batch, channels, height, width] => Ok(Planes { batch, channels, len: height * width }),
        ref other => bail!("{op}: expected [N, C, H, W], got {other:?}"),
    }
}

/// Both gradients of an op, each only if its argument is tracked.
type Gradients = Result<(Option<Tensor>, Option<Tensor>)>;

fn if_tracked(arg: &Tensor, gradient: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    arg.track_op().then(gradient).transpose()
}

struct Scale {
    planes: Planes,
}

impl CustomOp2 for Scale {
    fn name(&self) -> &'static str {
        "scale_channels"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        s: &CpuStorage,
        s_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let s = f32_slice(self.name(), s, s_layout)?;
        Ok((CpuStorage::F32(cpu::scale(x, s, &self.planes)), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        s: &CudaStorage,
        s_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, x_layout)?;
        let s = Elements::float32(self.name(), s, s_layout)?;
        let y = cuda::scale(device, x, s, &self.planes)?;
        Ok(y.result(x_layout.shape()))
    }

    fn bwd(&self, x: &Tensor, s: &Tensor, _y: &Tensor, g: &Tensor) -> Gradients {
        let g = g.detach();
        let gx = if_tracked(x, || scale_channels(&g, &s.detach()))?;
        Ok((gx, if_tracked(s, || channel_dot(&g, &x.detach()))?))
    }
}

struct Dot {
    planes: Planes,
}

impl CustomOp2 for Dot {
    fn name(&self) -> &'static str {
        "channel_dot"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let a = f32_slice(self.name(), a, a_layout)?;
        let b = f32_slice(self.name(), b, b_layout)?;
        let sums = cpu::dot(a, b, &self.planes);
        Ok((CpuStorage::F32(sums), (self.planes.batch, self.planes.channels).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = a.device();
        let a = Elements::of(self.name(), a, a_layout)?;
        let b = Elements::of(self.name(), b, b_layout)?;
        let sums = cuda::dot(device, a, b, &self.planes)?;
        Ok(sums.result((self.planes.batch, self.planes.channels)))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _d: &Tensor, g: &Tensor) -> Gradients {
        let g = g.detach();
        let ga = if_tracked(a, || scale_channels(&b.detach(), &g))?;
        Ok((ga, if_tracked(b, || scale_channels(&a.detach(), &g))?))
    }
}
