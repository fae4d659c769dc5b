//! The spatial flip of a convolution's kernel.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

/// Flips a kernel `[Co, Ci, K, K]` in both spatial axes: `y[.., i, j] = w[.., K-1-i, K-1-j]`.
/// Self-adjoint.
pub fn flip_kernel(w: &Tensor) -> Result<Tensor> {
    let (_, _, kh, kw) = w.dims4()?;
    if w.device().is_cpu() && w.dtype() == DType::F32 {
        return w.contiguous()?.apply_op1(FlipKernel(kh * kw));
    }
    reference(w)
}

/// The executable specification, in plain candle operations.
fn reference(w: &Tensor) -> Result<Tensor> {
    let (co, ci, kh, kw) = w.dims4()?;
    let backwards: Vec<u32> = (0..(kh * kw) as u32).rev().collect();
    let order = Tensor::new(backwards, w.device())?;
    w.reshape((co, ci, kh * kw))?.index_select(&order, 2)?.reshape((co, ci, kh, kw))
}

/// Reverses each run of this many elements.
struct FlipKernel(usize);

impl CustomOp1 for FlipKernel {
    fn name(&self) -> &'static str {
        "flip-kernel"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("flip-kernel: expected a contiguous kernel, strides are {:?}", layout.stride());
        };
        let mut flipped = storage.as_slice::<f32>()?[start..end].to_vec();
        flipped.chunks_exact_mut(self.0).for_each(<[f32]>::reverse);
        Ok((CpuStorage::F32(flipped), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        flip_kernel(gradient).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn equals_the_reference_and_is_its_own_adjoint() -> Result<()> {
        let w = Var::new((0..36).map(|i| i as f32).collect::<Vec<_>>(), &Device::Cpu)?;
        let kernel = w.as_tensor().reshape((2, 2, 3, 3))?;
        let flipped = flip_kernel(&kernel)?;
        let expected = reference(&kernel)?;
        assert_eq!(flipped.to_vec3_flat()?, expected.to_vec3_flat()?);
        assert_eq!(flipped.flatten_all()?.to_vec1::<f32>()?[..3], [8.0, 7.0, 6.0]);
        let twice = flip_kernel(&flipped)?;
        assert_eq!(twice.to_vec3_flat()?, kernel.to_vec3_flat()?);
        let grads = (flipped * kernel.detach())?.sum_all()?.backward()?;
        let gradient = grads.get(&w).unwrap().to_vec1::<f32>()?;
        assert_eq!(gradient, flip_kernel(&kernel)?.to_vec3_flat()?);
        Ok(())
    }

    trait Flat {
        fn to_vec3_flat(&self) -> Result<Vec<f32>>;
    }

    impl Flat for Tensor {
        fn to_vec3_flat(&self) -> Result<Vec<f32>> {
            self.flatten_all()?.to_vec1()
        }
    }
}
