//! The mean of every plane: what squeeze and excitation looks at.
//!
//! m[n,c] = mean over positions of x[n,c,..]; gx = g[n,c] / positions, everywhere in the plane.

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{Form, f32_slice};
use crate::planes::{Planes, view};
use crate::precision::widened;

/// x [N, C, H, W] -> [N, C]: the mean over the positions of every channel of every image, summed in double precision.
///
/// Differentiable once.
///
/// # Errors
/// If x does not have four dimensions, or no position.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.]], [[3., 5.]]]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::plane_means(&x)?.to_vec2::<f32>()?, [[1.5, 4.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn plane_means(x: &Tensor) -> Result<Tensor> {
    let planes = match *x.dims() {
        [batch, channels, height, width] if height * width > 0 => {
            Planes { batch, channels, len: height * width }
        }
        ref other => bail!("plane_means: expected x [N, C, H, W] with positions, got {other:?}"),
    };
    match Form::on_cpu(&[x]) {
        Form::Kernel => x.contiguous()?.apply_op1(PlaneMeans { planes }),
        Form::Widened => widened([x], |[x]| plane_means(x)),
        Form::Reference => reference::plane_means(x),
    }
}

struct PlaneMeans {
    planes: Planes,
}

impl CustomOp1 for PlaneMeans {
    fn name(&self) -> &'static str {
        "plane_means"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let means = cpu::means(f32_slice(self.name(), x, layout)?, &self.planes);
        Ok((CpuStorage::F32(means), (self.planes.batch, self.planes.channels).into()))
    }

    fn bwd(&self, x: &Tensor, _means: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.detach().contiguous()?;
        let gx = cpu::spread(view(self.name(), &g)?.slice(), &self.planes);
        Tensor::from_vec(gx, x.shape().clone(), x.device()).map(Some)
    }
}
