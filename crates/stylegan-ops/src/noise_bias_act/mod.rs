//! Noise, bias and leaky ReLU in one pass: the first half of the synthesis network's epilogue.
//!
//! ```text
//! y[n,c,i,j] = f(x[n,c,i,j] + noise_weight[c] * noise[n,0,i,j] + bias_scale * bias[c])
//! ```
//!
//! Karras et al. 2019, section 3.2: one noise map per layer, scaled by a learned factor per channel.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, Storage, backend::BackendStorage};

use crate::bias_act::{check_channels, reference_form as bias_act};
#[cfg(feature = "cuda")]
use crate::kernel::cuda::{Elements, scaled};
use crate::kernel::{Form, f32_slice};
use crate::leaky_relu::check_slope;
use crate::planes::{Planes, per_channel, view};
use crate::precision::widened;

const NAME: &str = "noise_bias_act";

/// x [N, C, H, W] plus `noise_weight` `[C]` times `noise` [1 or N, 1, H, W] plus `bias_scale` times `bias` `[C]`, through a leaky ReLU.
///
/// Differentiable in x, noise_weight and bias. A noise that is itself tracked (noise maps that are optimized) takes the reference form, which is
/// differentiable in the noise too.
///
/// # Errors
/// If the shapes do not fit or the slope is negative.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32, 2.]]]], &Device::Cpu)?;
/// let noise = Tensor::new(&[[[[1f32, -3.]]]], &Device::Cpu)?;
/// let (weight, bias) = (Tensor::new(&[2f32], &Device::Cpu)?, Tensor::new(&[1f32], &Device::Cpu)?);
/// let y = stylegan_ops::noise_bias_act(&x, &noise, &weight, &bias, 1.0, 0.5)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [4., -1.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn noise_bias_act(
    x: &Tensor,
    noise: &Tensor,
    noise_weight: &Tensor,
    bias: &Tensor,
    bias_scale: f64,
    slope: f64,
) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    match *noise.dims() {
        [maps, 1, height, width] if (maps == 1 || maps == n) && (height, width) == (h, w) => {}
        ref other => bail!("{NAME}: expected noise [1 or {n}, 1, {h}, {w}], got {other:?}"),
    }
    check_channels(NAME, "noise_weight", noise_weight, c)?;
    check_channels(NAME, "bias", bias, c)?;
    check_slope(NAME, slope)?;
    let tensors = [x, noise, noise_weight, bias];
    let form = match Form::of(&[x], &tensors[1..]) {
        Form::Kernel if noise.track_op() => Form::without_kernel(&tensors),
        form => form,
    };
    match form {
        Form::Widened => {
            return widened(tensors, |[x, noise, noise_weight, bias]| {
                noise_bias_act(x, noise, noise_weight, bias, bias_scale, slope)
            });
        }
        Form::Kernel => {}
        Form::Reference => return reference(x, noise, noise_weight, bias, bias_scale, slope),
    }
    let planes = Planes { batch: n, channels: c, len: h * w };
    let op = NoiseBiasAct { noise: noise.contiguous()?, planes, bias_scale, slope };
    x.contiguous()?.apply_op3(&noise_weight.contiguous()?, &bias.contiguous()?, op)
}

/// The executable specification, in plain candle operations.
fn reference(
    x: &Tensor,
    noise: &Tensor,
    noise_weight: &Tensor,
    bias: &Tensor,
    bias_scale: f64,
    slope: f64,
) -> Result<Tensor> {
    let noise =
        noise.broadcast_mul(&noise_weight.reshape((1, noise_weight.elem_count(), 1, 1))?)?;
    bias_act(&x.broadcast_add(&noise)?, bias, bias_scale, Some(slope))
}

struct NoiseBiasAct {
    noise: Tensor,
    planes: Planes,
    bias_scale: f64,
    slope: f64,
}

impl CustomOp3 for NoiseBiasAct {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        noise_weight: &CpuStorage,
        noise_weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(NAME, x, x_layout)?;
        let weight = f32_slice(NAME, noise_weight, noise_weight_layout)?;
        let bias = f32_slice(NAME, bias, bias_layout)?;
        let noise = view(NAME, &self.noise)?;
        let (scale, slope) = (self.bias_scale as f32, self.slope as f32);
        let y = cpu::forward(x, noise.slice(), weight, bias, &self.planes, scale, slope);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        noise_weight: &CudaStorage,
        noise_weight_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(NAME, x, x_layout)?;
        let weight = Elements::float32(NAME, noise_weight, noise_weight_layout)?;
        let bias = Elements::float32(NAME, bias, bias_layout)?;
        let (noise, noise_layout) = self.noise.storage_and_layout();
        let Storage::Cuda(noise) = &*noise else { bail!("{NAME}: expected noise on the GPU") };
        let noise = Elements::float32(NAME, noise, noise_layout)?;
        let y = cuda::forward(device, x, noise, weight, bias, self)?;
        Ok(y.result(x_layout.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        noise_weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let g = g.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if g.device().is_cuda() {
            let (gx, sums, along) = cuda::backward(&g, y, self)?;
            let gbias = bias.track_op().then(|| scaled(sums, self.bias_scale)).transpose()?;
            return Ok((
                x.track_op().then_some(gx),
                noise_weight.track_op().then_some(along),
                gbias,
            ));
        }
        let (gx, sums) = cpu::backward(
            view(NAME, &g)?.slice(),
            view(NAME, y)?.slice(),
            view(NAME, &self.noise)?.slice(),
            &self.planes,
            self.slope as f32,
        );
        let device = x.device();
        let gx = x.track_op().then(|| Tensor::from_vec(gx, x.shape().clone(), device));
        let gweight = noise_weight.track_op().then(|| per_channel(&sums, 1, 1.0, device));
        let gbias = bias.track_op().then(|| per_channel(&sums, 0, self.bias_scale, device));
        Ok((gx.transpose()?, gweight.transpose()?, gbias.transpose()?))
    }
}
