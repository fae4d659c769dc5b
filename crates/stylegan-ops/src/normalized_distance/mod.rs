//! The distance of feature maps that perceptual metrics sum up (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
//! equation 1).
//!
//! ```text
//! u[n,c,p] = a[n,c,p] / (|a[n,:,p]| + 1e-10)      v likewise from b
//! d[n]     = mean over p of sum over c of w[c] * (u[n,c,p] - v[n,c,p])^2
//! ```

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::bias_act::check_channels;
use crate::kernel::{Form, f32_slice};
use crate::planes::{Planes, view};
use crate::precision::widened;

/// What keeps a position without any feature from a division by zero.
const EPSILON: f64 = 1e-10;

/// a, b [N, C, H, W], w `[C]` -> `[N]`: the weighted squared distance of the features of unit length, in the mean over positions.
///
/// Differentiable once, in all arguments. Where all features of a position are zero, its length's gradient counts as zero.
///
/// # Errors
/// If a and b do not have the same four dimensions, or w is not `[C]`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let a = Tensor::new(&[3f32, 4.], &Device::Cpu)?.reshape((1, 2, 1, 1))?;
/// let b = Tensor::new(&[1f32, 0.], &Device::Cpu)?.reshape((1, 2, 1, 1))?;
/// let w = Tensor::new(&[1f32, 10.], &Device::Cpu)?;
/// let d = stylegan_ops::normalized_distance(&a, &b, &w)?.to_vec1::<f32>()?[0];
/// assert!((d - (0.4 * 0.4 + 10.0 * 0.8 * 0.8)).abs() < 1e-5);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn normalized_distance(a: &Tensor, b: &Tensor, w: &Tensor) -> Result<Tensor> {
    let op = "normalized_distance";
    let planes = Planes::of(op, a)?;
    if a.rank() != 4 || a.dims() != b.dims() {
        bail!("{op}: expected two maps [N, C, H, W] alike, got {:?} and {:?}", a.dims(), b.dims());
    }
    check_channels(op, "w", w, planes.channels)?;
    match Form::on_cpu(&[a, b, w]) {
        Form::Kernel => {
            let (a, b, w) = (a.contiguous()?, b.contiguous()?, w.contiguous()?);
            a.apply_op3(&b, &w, Distance { planes })
        }
        Form::Widened => widened([a, b, w], |[a, b, w]| normalized_distance(a, b, w)),
        Form::Reference => reference::distance(a, b, w),
    }
}

struct Distance {
    planes: Planes,
}

impl CustomOp3 for Distance {
    fn name(&self) -> &'static str {
        "normalized_distance"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let a = f32_slice(self.name(), a, a_layout)?;
        let b = f32_slice(self.name(), b, b_layout)?;
        let w = f32_slice(self.name(), w, w_layout)?;
        let d = cpu::forward(a, b, w, &self.planes);
        Ok((CpuStorage::F32(d), self.planes.batch.into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        w: &Tensor,
        _d: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        let (a_view, b_view) = (view(self.name(), a)?, view(self.name(), b)?);
        let (w_view, g_view) = (view(self.name(), w)?, view(self.name(), &g)?);
        let gradient = |at: &[f32], other: &[f32]| -> Result<Tensor> {
            let values = cpu::backward(at, other, w_view.slice(), g_view.slice(), &self.planes);
            Tensor::from_vec(values, a.shape().clone(), a.device())
        };
        // The distance is symmetric, and so are its gradients.
        let (x, y) = (a_view.slice(), b_view.slice());
        let ga = a.track_op().then(|| gradient(x, y)).transpose()?;
        let gb = b.track_op().then(|| gradient(y, x)).transpose()?;
        let gw = w.track_op().then(|| reference::weight_gradient(&a.detach(), &b.detach(), &g));
        let gw = gw.transpose()?;
        Ok((ga, gb, gw))
    }
}
