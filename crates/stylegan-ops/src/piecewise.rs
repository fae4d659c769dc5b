//! Functions of single elements whose slope follows from the output: the frame of [`leaky_relu`](crate::leaky_relu) and [`clamp`](crate::clamp) as candle's
//! operations.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
#[cfg(feature = "cuda")]
use candle_core::{CudaDevice, CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::{Elements, Room};
use crate::kernel::f32_slice;

/// Such a function, by its kernels.
pub(crate) trait Piecewise: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    const VJP: &'static str;

    fn forward(self, x: &[f32]) -> Vec<f32>;

    /// The gradient of the input from that of the output y.
    fn vjp(self, g: &[f32], y: &[f32]) -> Vec<f32>;

    #[cfg(feature = "cuda")]
    fn forward_on_gpu(self, device: &CudaDevice, x: Elements<'_>) -> Result<Room>;

    #[cfg(feature = "cuda")]
    fn vjp_on_gpu(self, device: &CudaDevice, g: Elements<'_>, y: Elements<'_>) -> Result<Room>;

    /// The public operation that applies [`Vjp`].
    fn gradient(self, g: &Tensor, y: &Tensor) -> Result<Tensor>;
}

/// The function as an operation on x.
pub(crate) struct Forward<P>(pub P);

impl<P: Piecewise> CustomOp1 for Forward<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = self.0.forward(f32_slice(P::NAME, x, layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let y = self.0.forward_on_gpu(x.device(), Elements::of(P::NAME, x, layout)?)?;
        Ok(y.result(layout.shape()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        self.0.gradient(&g.detach(), y).map(Some)
    }
}

/// Its vector-Jacobian product as an operation on g and y. It is linear in g and its own transpose, and constant in y.
pub(crate) struct Vjp<P>(pub P);

impl<P: Piecewise> CustomOp2 for Vjp<P> {
    fn name(&self) -> &'static str {
        P::VJP
    }

    fn cpu_fwd(
        &self,
        g: &CpuStorage,
        g_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = f32_slice(P::VJP, g, g_layout)?;
        let y = f32_slice(P::VJP, y, y_layout)?;
        Ok((CpuStorage::F32(self.0.vjp(g, y)), g_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        g: &CudaStorage,
        g_layout: &Layout,
        y: &CudaStorage,
        y_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = g.device();
        let g = Elements::of(P::VJP, g, g_layout)?;
        let y = Elements::of(P::VJP, y, y_layout)?;
        Ok(self.0.vjp_on_gpu(device, g, y)?.result(g_layout.shape()))
    }

    fn bwd(
        &self,
        _g: &Tensor,
        y: &Tensor,
        _result: &Tensor,
        cotangent: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(self.0.gradient(&cotangent.detach(), y)?), None))
    }
}
