//! Every form against the reference, the reference against plain loops and finite differences, and the second order.

mod fused;
mod gradients;
mod kernels;
mod threads;

use candle_core::{DType, Device, Result, Tensor};

use super::geometry::Geometry;

/// A convolution to test.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    in_channels: usize,
    out_channels: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Case {
    /// `[N, Ci, Co, H, W, K, stride, padding]`.
    const fn new(sizes: [usize; 8]) -> Self {
        let [batch, in_channels, out_channels, height, width, kernel, stride, padding] = sizes;
        Self { batch, in_channels, out_channels, height, width, kernel, stride, padding }
    }

    fn out(&self, size: usize) -> usize {
        (size + 2 * self.padding - self.kernel) / self.stride + 1
    }

    fn x(&self) -> Result<Tensor> {
        random((self.batch, self.in_channels, self.height, self.width), 1)
    }

    fn w(&self) -> Result<Tensor> {
        random((self.out_channels, self.in_channels, self.kernel, self.kernel), 2)
    }

    fn g(&self) -> Result<Tensor> {
        random((self.batch, self.out_channels, self.out(self.height), self.out(self.width)), 3)
    }

    fn geometry(&self) -> Result<Geometry> {
        Geometry::forward(&self.x()?, &self.w()?, self.stride, self.padding)
    }

    fn forward(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        super::conv2d(x, w, self.stride, self.padding, SCALE)
    }

    fn input_vjp(&self, g: &Tensor, w: &Tensor) -> Result<Tensor> {
        let hw = (self.height, self.width);
        super::conv2d_input_vjp(g, w, hw, self.stride, self.padding, SCALE)
    }

    fn weight_vjp(&self, x: &Tensor, g: &Tensor) -> Result<Tensor> {
        super::conv2d_weight_vjp(x, g, self.kernel, self.stride, self.padding, SCALE)
    }
}

/// Not one, so that a forgotten factor shows.
const SCALE: f64 = 0.75;

/// Float64 values in [-1, 1) that a float32 holds exactly, so that both types see the same numbers.
fn random(shape: impl Into<candle_core::Shape>, seed: u64) -> Result<Tensor> {
    let shape = shape.into();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let values: Vec<f64> = (0..shape.elem_count())
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from((state >> 33) as u32) / f64::from(1u32 << 30) - 1.0
        })
        .map(|value| f64::from(value as f32))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

fn single(tensor: &Tensor) -> Result<Tensor> {
    tensor.to_dtype(DType::F32)
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

/// `|a - b| / |b|` in the L2 norm; infinite if the shapes differ or a value is not a number.
fn relative_error(a: &Tensor, b: &Tensor) -> Result<f64> {
    if a.dims() != b.dims() {
        return Ok(f64::INFINITY);
    }
    let (a, b) = (values(a)?, values(b)?);
    let difference: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    let norm: f64 = b.iter().map(|b| b.powi(2)).sum();
    let error = if norm == 0.0 { difference.sqrt() } else { (difference / norm).sqrt() };
    Ok(if error.is_nan() { f64::INFINITY } else { error })
}

fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    Ok(values(a)?.iter().zip(&values(b)?).map(|(a, b)| a * b).sum())
}
