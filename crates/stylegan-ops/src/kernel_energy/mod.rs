//! The sum of squares of every kernel of a convolution's weight: what demodulation divides by.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, build_f32, f32_slice, for_each_chunk};
use crate::planes::{GRAIN, view};
use crate::precision::wide;
use crate::vectorized::vectorized;

/// w [Co, Ci, K, K] -> [Co, Ci]: the sum of squares of each kernel, times `scale` squared.
///
/// Differentiable once; its gradient is `2 scale^2 g w`.
///
/// # Errors
/// If w does not have four dimensions.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let w = Tensor::new(&[[[[1f32, 2.], [3., 4.]]]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::kernel_energy(&w, 0.5)?.to_vec2::<f32>()?, [[7.5]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn kernel_energy(w: &Tensor, scale: f64) -> Result<Tensor> {
    let [_, _, height, width] = *w.dims() else {
        bail!("kernel_energy: expected a weight [Co, Ci, K, K], got {:?}", w.dims());
    };
    match Form::of(&[], &[w]) {
        Form::Kernel => w.contiguous()?.apply_op1(KernelEnergy { taps: height * width, scale }),
        Form::Widened => kernel_energy(&wide(w)?, scale),
        Form::Reference => reference(w, scale),
    }
}

/// The executable specification, in plain candle operations.
fn reference(w: &Tensor, scale: f64) -> Result<Tensor> {
    w.sqr()?.sum((2, 3))?.affine(scale * scale, 0.0)
}

struct KernelEnergy {
    taps: usize,
    scale: f64,
}

impl CustomOp1 for KernelEnergy {
    fn name(&self) -> &'static str {
        "kernel_energy"
    }

    fn cpu_fwd(&self, w: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (co, ci, _, _) = layout.shape().dims4()?;
        let w = f32_slice(self.name(), w, layout)?;
        let (taps, factor) = (self.taps, (self.scale * self.scale) as f32);
        // SAFETY: the chunks cover every kernel, and each writes its own sums.
        let sums = unsafe {
            build_f32(co * ci, |out| {
                for_each_chunk(co * ci, GRAIN / 8, |range| {
                    let w = &w[range.start * taps..range.end * taps];
                    energies(out.slice_mut(range.start, range.len()), w, taps, factor);
                });
            })
        };
        Ok((CpuStorage::F32(sums), (co, ci).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, w: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (co, ci, _, _) = layout.shape().dims4()?;
        let device = w.device();
        let w = Elements::float32(self.name(), w, layout)?;
        Ok(cuda::forward(device, w, self.taps, self.scale)?.result((co, ci)))
    }

    fn bwd(&self, w: &Tensor, _sums: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if g.device().is_cuda() {
            return cuda::backward(w, &g, self.taps, self.scale).map(Some);
        }
        let (w_view, g_view) = (view(self.name(), w)?, view(self.name(), &g)?);
        let (w_slice, g_slice) = (w_view.slice(), g_view.slice());
        let (taps, factor) = (self.taps, (2.0 * self.scale * self.scale) as f32);
        // SAFETY: the chunks cover every kernel, and each writes its own.
        let gw = unsafe {
            build_f32(w_slice.len(), |out| {
                for_each_chunk(g_slice.len(), GRAIN / 8, |range| {
                    let (first, len) = (range.start * taps, range.len() * taps);
                    let out = out.slice_mut(first, len);
                    gradients(out, &w_slice[first..first + len], &g_slice[range], taps, factor);
                });
            })
        };
        Tensor::from_vec(gw, w.shape().clone(), w.device()).map(Some)
    }
}

vectorized! {
    fn energies(out: &mut [f32], w: &[f32], taps: usize, factor: f32) {
        match taps {
            // A length that is known becomes straight code.
            9 => sums(out, w, 9, factor),
            _ => sums(out, w, taps, factor),
        }
    }
}

#[inline(always)]
fn sums(out: &mut [f32], w: &[f32], taps: usize, factor: f32) {
    for (out, kernel) in out.iter_mut().zip(w.chunks_exact(taps)) {
        let mut sum = 0f32;
        for tap in kernel {
            sum += tap * tap;
        }
        *out = sum * factor;
    }
}

vectorized! {
    fn gradients(out: &mut [f32], w: &[f32], g: &[f32], taps: usize, factor: f32) {
        match taps {
            9 => products(out, w, g, 9, factor),
            _ => products(out, w, g, taps, factor),
        }
    }
}

#[inline(always)]
fn products(out: &mut [f32], w: &[f32], g: &[f32], taps: usize, factor: f32) {
    for ((out, w), g) in out.chunks_exact_mut(taps).zip(w.chunks_exact(taps)).zip(g) {
        let factor = g * factor;
        for (out, w) in out.iter_mut().zip(w) {
            *out = w * factor;
        }
    }
}
