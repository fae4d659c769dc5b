//! The leaky ReLU whose slopes are learned, one a channel (He et al. 2015, equation 1).
//!
//! ```text
//! y[n,c,..] = x where x > 0, slopes[c] * x elsewhere
//! gx = g where x > 0, slopes[c] * g elsewhere        gslopes[c] = sum of g * x where x <= 0
//! ```

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{Form, f32_slice};
use crate::planes::{Planes, per_channel, view};
use crate::precision::widened;

/// x [N, C] or [N, C, H, W] through a leaky ReLU with a slope for each channel, slopes `[C]`.
///
/// Differentiable once, in x and the slopes.
///
/// # Errors
/// If x has another number of dimensions or the slopes are not `[C]`.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[-2f32, -2.], [2., 0.]], &Device::Cpu)?;
/// let slopes = Tensor::new(&[0.25f32, 0.5], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::prelu(&x, &slopes)?.to_vec2::<f32>()?, [[-0.5, -1.], [2., 0.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn prelu(x: &Tensor, slopes: &Tensor) -> Result<Tensor> {
    let planes = Planes::of("prelu", x)?;
    if slopes.dims() != [planes.channels] {
        let (expected, got) = ([planes.channels], slopes.dims());
        bail!("prelu: expected slopes {expected:?} for x {:?}, got {got:?}", x.dims());
    }
    match Form::on_cpu(&[x, slopes]) {
        Form::Kernel => x.contiguous()?.apply_op2(&slopes.contiguous()?, Prelu { planes }),
        Form::Widened => widened([x, slopes], |[x, slopes]| prelu(x, slopes)),
        Form::Reference => reference::prelu(x, slopes),
    }
}

struct Prelu {
    planes: Planes,
}

impl CustomOp2 for Prelu {
    fn name(&self) -> &'static str {
        "prelu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        slopes: &CpuStorage,
        slopes_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let slopes = f32_slice(self.name(), slopes, slopes_layout)?;
        Ok((CpuStorage::F32(cpu::scaled(x, x, slopes, &self.planes)), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        slopes: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        let g = view(self.name(), &g)?;
        let x_view = view(self.name(), x)?;
        let gx = x.track_op().then(|| {
            let slopes = view(self.name(), slopes)?;
            let gx = cpu::scaled(g.slice(), x_view.slice(), slopes.slice(), &self.planes);
            Tensor::from_vec(gx, x.shape().clone(), x.device())
        });
        let gslopes = slopes.track_op().then(|| {
            let sums = cpu::negative_products(g.slice(), x_view.slice(), &self.planes);
            per_channel(&sums, 0, 1.0, slopes.device())
        });
        Ok((gx.transpose()?, gslopes.transpose()?))
    }
}
