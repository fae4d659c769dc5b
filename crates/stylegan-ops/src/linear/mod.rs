//! The dense layer's product and its two vector-Jacobian products, each differentiable in both arguments.
//!
//! With x [N, I], w [O, I] and a factor a: y = a x w^T, gx = a g w, gw = a g^T x. The three are one trilinear form, so the gradients of
//! each are the other two.

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
use crate::precision::{matching, widened};

/// x [N, I], w [O, I] -> x w^T [N, O], times `scale`. Without bias.
///
/// Differentiable in x and w.
///
/// # Errors
/// If an argument is not a matrix, or the inner sizes differ.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let w = Tensor::new(&[[3f32, 4.], [5., 6.]], &Device::Cpu)?;
/// assert_eq!(stylegan_ops::linear(&x, &w, 2.0)?.to_vec2::<f32>()?, [[22., 34.]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear(x: &Tensor, w: &Tensor, scale: f64) -> Result<Tensor> {
    Product::Output.apply(x, w, scale)
}

/// The gradient of `sum(g * linear(x, w))` with respect to x: g [N, O], w [O, I] -> g w [N, I], times `scale`.
///
/// Differentiable in g and w.
///
/// # Errors
/// If an argument is not a matrix, or the inner sizes differ.
pub fn linear_input_vjp(g: &Tensor, w: &Tensor, scale: f64) -> Result<Tensor> {
    Product::Input.apply(g, w, scale)
}

/// The gradient of `sum(g * linear(x, w))` with respect to w: x [N, I], g [N, O] -> g^T x [O, I], times `scale`.
///
/// Differentiable in x and g.
///
/// # Errors
/// If an argument is not a matrix, or the batches differ.
pub fn linear_weight_vjp(x: &Tensor, g: &Tensor, scale: f64) -> Result<Tensor> {
    Product::Weight.apply(x, g, scale)
}

/// Which of the three products.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Product {
    /// (x [N, I], w [O, I]) -> x w^T
    Output,
    /// (g [N, O], w [O, I]) -> g w
    Input,
    /// (x [N, I], g [N, O]) -> g^T x
    Weight,
}

impl Product {
    fn name(self) -> &'static str {
        match self {
            Self::Output => "linear",
            Self::Input => "linear_input_vjp",
            Self::Weight => "linear_weight_vjp",
        }
    }

    /// Rows, columns and inner size of the result.
    fn sizes(self, a: &[usize], b: &[usize]) -> Result<(usize, usize, usize)> {
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            bail!("{}: expected two matrices, got {a:?} and {b:?}", self.name());
        };
        let (rows, columns, inner, other) = match self {
            Self::Output => (a0, b0, a1, b1),
            Self::Input => (a0, b1, a1, b0),
            Self::Weight => (b1, a1, a0, b0),
        };
        if inner != other {
            bail!(
                "{}: expected equal inner sizes, got {inner} and {other} ({a:?}, {b:?})",
                self.name()
            );
        }
        Ok((rows, columns, inner))
    }

    fn apply(self, a: &Tensor, b: &Tensor, scale: f64) -> Result<Tensor> {
        let sizes = self.sizes(a.dims(), b.dims())?;
        let b = &matching(a, b)?;
        // On a GPU only float32 is taken, as of a kernel's parameters.
        match Form::of(&[], &[a, b]) {
            Form::Kernel => {
                let op = Linear { product: self, sizes, scale };
                a.contiguous()?.apply_op2(&b.contiguous()?, op)
            }
            Form::Widened => widened([a, b], |[a, b]| self.apply(a, b, scale)),
            Form::Reference => reference::product(self, a, b, scale),
        }
    }
}

struct Linear {
    product: Product,
    sizes: (usize, usize, usize),
    scale: f64,
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        self.product.name()
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
        let out = cpu::product(self.product, self.sizes, a, b, self.scale as f32);
        Ok((CpuStorage::F32(out), (self.sizes.0, self.sizes.1).into()))
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
        let a = Elements::float32(self.name(), a, a_layout)?;
        let b = Elements::float32(self.name(), b, b_layout)?;
        let out = cuda::product(device, self.product, self.sizes, a, b, self.scale as f32)?;
        Ok(out.result((self.sizes.0, self.sizes.1)))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _out: &Tensor,
        c: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (c, scale) = (c.detach(), self.scale);
        let (first, second) = (a.detach(), b.detach());
        let ga = a.track_op().then(|| match self.product {
            Product::Output => linear_input_vjp(&c, &second, scale),
            Product::Input => linear(&c, &second, scale),
            Product::Weight => linear_input_vjp(&second, &c, scale),
        });
        let gb = b.track_op().then(|| match self.product {
            Product::Output => linear_weight_vjp(&first, &c, scale),
            Product::Input => linear_weight_vjp(&c, &first, scale),
            Product::Weight => linear(&first, &c, scale),
        });
        Ok((ga.transpose()?, gb.transpose()?))
    }
}
