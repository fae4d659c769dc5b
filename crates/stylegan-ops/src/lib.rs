//! Differentiable operations of the StyleGAN lineage on candle tensors, without parameters.
//!
//! Each operation has a reference form in plain candle operations (any device, any float type; it is the executable
//! specification) and, for float32 on the CPU, a fast kernel. Kernels give the same bits at any number of threads.
//!
//! candle's backward pass is of first order. For losses that contain a gradient with respect to the input (R1, gradient
//! penalty, path length), the vector-Jacobian products of the operations are public functions, differentiable in turn.

mod kernel;
