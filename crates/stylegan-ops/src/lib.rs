//! Differentiable operations of the StyleGAN lineage on candle tensors, without parameters.
//!
//! Each operation has a reference form in plain candle operations (any device, any float type; it is the executable
//! specification) and, for float32 on the CPU, a fast kernel. Kernels give the same bits at any number of threads.
//!
//! candle's backward pass is of first order. For losses that contain a gradient with respect to the input (R1, gradient
//! penalty, path length), the vector-Jacobian products of the operations are public functions, differentiable in turn.

mod conv2d;
mod fused_kernel;
mod kernel;
mod linear;

pub use conv2d::{conv2d, conv2d_input_vjp, conv2d_weight_vjp};
pub use fused_kernel::{fused_down_kernel, fused_up_kernel};
pub use linear::{linear, linear_input_vjp, linear_weight_vjp};
