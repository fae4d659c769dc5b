//! Kernels of a convolution joined with a factor-2 resampling ("fused scale" of Progressive GAN and StyleGAN).
//!
//! ```text
//! wide[o,i]  = the sum of the four copies of w[o,i] [3, 3] shifted by (0 or 1, 0 or 1) in [4, 4]
//! up[i,o]    = wide[o,i], of the mirrored w if asked for         fused_up_kernel
//! down[o,i]  = wide[o,i] / 4                                     fused_down_kernel
//! ```
//!
//! Both are linear in w, and so are their gradients in g.

mod cpu;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::kernel::{Form, f32_slice};
use crate::planes::view;
use crate::precision::widened;

/// [Co, Ci, 3, 3] -> [Ci, Co, 4, 4]: the weight with which an upscaling convolution is the gradient of another one's input.
///
/// For the transposed convolution of the official networks (Karras et al. 2018, `upscale2d_conv2d`):
/// `conv2d_input_vjp(x, fused_up_kernel(w, mirrored), (2H, 2W), 2, 1)` equals nearest-neighbour upsampling by 2 followed by a 3x3
/// convolution with padding 1, by w if it is `mirrored` here and by the mirrored w if it is not: a transposed convolution spreads its
/// kernel out as it stands, where a convolution reads it mirrored. The unfused path of the official networks does not mirror, so with the same
/// stored weight the two are different functions. Differentiable in w.
///
/// # Errors
/// If w is not [Co, Ci, 3, 3].
pub fn fused_up_kernel(w: &Tensor, mirrored: bool) -> Result<Tensor> {
    apply(w, Kind::Up { mirrored })
}

/// [Co, Ci, 3, 3] -> [Co, Ci, 4, 4]: a quarter of the sum of the four copies of w shifted by (0 or 1, 0 or 1).
///
/// `conv2d(x, fused_down_kernel(w), 2, 1)` equals a 3x3 convolution by w with padding 1 followed by 2x2 averaging, borders included
/// (Karras et al. 2018, `conv2d_downscale2d`). Differentiable in w.
///
/// # Errors
/// If w is not [Co, Ci, 3, 3].
pub fn fused_down_kernel(w: &Tensor) -> Result<Tensor> {
    apply(w, Kind::Down)
}

/// Which of the two kernels.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Channels exchanged, and both axes mirrored first if asked for.
    Up { mirrored: bool },
    /// A quarter.
    Down,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Up { .. } => "fused_up_kernel",
            Self::Down => "fused_down_kernel",
        }
    }
}

fn apply(w: &Tensor, kind: Kind) -> Result<Tensor> {
    let [_, _, 3, 3] = *w.dims() else {
        bail!("{}: expected a weight [Co, Ci, 3, 3], got {:?}", kind.name(), w.dims());
    };
    match Form::on_cpu(&[w]) {
        Form::Kernel => w.contiguous()?.apply_op1(FusedKernel(kind)),
        Form::Widened => widened([w], |[w]| apply(w, kind)),
        Form::Reference => reference::fused_kernel(w, kind),
    }
}

struct FusedKernel(Kind);

impl CustomOp1 for FusedKernel {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, w: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (outputs, inputs, _, _) = layout.shape().dims4()?;
        let kernel = cpu::forward(f32_slice(self.name(), w, layout)?, (outputs, inputs), self.0);
        let shape = match self.0 {
            Kind::Up { .. } => (inputs, outputs, 4, 4),
            Kind::Down => (outputs, inputs, 4, 4),
        };
        Ok((CpuStorage::F32(kernel), shape.into()))
    }

    fn bwd(&self, w: &Tensor, _kernel: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let (outputs, inputs, _, _) = w.dims4()?;
        let g = g.detach().contiguous()?;
        let gw = cpu::backward(view(self.name(), &g)?.slice(), (outputs, inputs), self.0);
        Tensor::from_vec(gw, w.shape().clone(), w.device()).map(Some)
    }
}
