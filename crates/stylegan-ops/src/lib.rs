//! Differentiable operations of the StyleGAN lineage on candle tensors, without parameters.
//!
//! Each operation has a reference form in plain candle operations (any device, float32 and float64; it is the executable
//! specification) and, for float32 on the CPU, a fast kernel. Kernels give the same bits at any number of threads. Activations in bfloat16 and float16 are
//! computed with in float32, and the results rounded.
//!
//! candle's backward pass is of first order. For losses that contain a gradient with respect to the input (R1, gradient
//! penalty, path length), the vector-Jacobian products of the operations are public functions, differentiable in turn.

mod affine_warp;
mod batch_norm;
mod bias_act;
mod bilinear;
mod blur;
mod clamp;
mod conv2d;
mod flip;
mod fused_kernel;
mod gpu;
mod instance_norm;
mod kernel;
mod kernel_energy;
mod leaky_relu;
mod line_conv2d;
mod linear;
mod minibatch_stddev;
mod modulated_conv2d;
mod multi_tensor;
mod noise_bias_act;
mod normalized_distance;
mod piecewise;
mod pixel_norm;
mod plane_means;
mod planes;
mod pool;
mod pool2d;
mod precision;
mod prelu;
pub mod random;
mod resample;
mod scale_channels;
mod scaled_act;
mod styled_conv2d;
mod tf32;
mod upfirdn2d;
mod vectorized;

pub use affine_warp::{Affine, AffineWarps, SYM6, affine_warp, affine_warp_vjp};
pub use batch_norm::{BatchStatistics, batch_norm, batch_statistics};
pub use bias_act::bias_act;
pub use bilinear::{upsample_bilinear2d, upsample_bilinear2d_vjp};
pub use blur::blur;
pub use clamp::{clamp, clamp_vjp};
pub use conv2d::{conv2d, conv2d_bias_act, conv2d_direct, conv2d_input_vjp, conv2d_weight_vjp};
pub use flip::flip_kernel;
pub use fused_kernel::{fused_down_kernel, fused_up_kernel};
pub use gpu::{
    GpuError, LEAST_CAPABILITY, Later, gpu_memory, gpu_name, half_supported, open_gpu, upload,
};
pub use instance_norm::{adain, instance_norm};
pub use kernel_energy::kernel_energy;
pub use leaky_relu::{leaky_relu, leaky_relu_vjp};
pub use line_conv2d::line_conv2d;
pub use linear::{linear, linear_input_vjp, linear_weight_vjp};
pub use minibatch_stddev::{minibatch_stddev, minibatch_stddev_vjp};
pub use modulated_conv2d::{ModulatedConv2d, ModulatedConv2dTape, demodulation, demodulation_vjp};
pub use multi_tensor::{AdamDecay, AdamParameter, AdamUpdate, NotFinite, adam_update};
pub use noise_bias_act::noise_bias_act;
pub use normalized_distance::normalized_distance;
pub use pixel_norm::pixel_norm;
pub use plane_means::plane_means;
pub use pool::in_pool;
pub use pool2d::{Window, avg_pool2d, max_pool2d};
pub use prelu::prelu;
pub use resample::{
    downsample_box2d, downsample_box2d_vjp, upsample_nearest2d, upsample_nearest2d_vjp,
};
pub use scale_channels::{channel_dot, scale_channels};
pub use scaled_act::ScaledActivation;
pub use styled_conv2d::{Blurred, StyledConv2d};
pub use tf32::{allow_tf32, tf32_allowed};
pub use upfirdn2d::{BINOMIAL, Upfirdn, upfirdn2d, upfirdn2d_vjp};
