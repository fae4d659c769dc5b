//! What is done to all parameters of a network at once, on a GPU: one launch instead of several for each of some hundred small tensors.
//!
//! ```text
//! average = p + (average - p) * beta                          the moving average, before the update
//! m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
//! p = p - step_size * m / (sqrt(v) * inverse_root + epsilon)
//! ```
//!
//! Kingma and Ba 2015, algorithm 1. The processor's form is the optimizer's own.

#[cfg(feature = "cuda")]
mod cuda;

use candle_core::{Result, Tensor};

/// One parameter. All tensors have its shape, are contiguous float32, and are written in place.
#[derive(Clone, Copy, Debug)]
pub struct AdamParameter<'a> {
    /// Its values.
    pub value: &'a Tensor,
    /// The gradient and the second moment; without them only the average moves.
    pub update: Option<AdamUpdate<'a>>,
    /// The moving average, and how much of it stays; 0 makes it a copy.
    pub average: Option<(&'a Tensor, f64)>,
}

/// What changes a parameter.
#[derive(Clone, Copy, Debug)]
pub struct AdamUpdate<'a> {
    /// The gradient.
    pub gradient: &'a Tensor,
    /// The first moment; the gradient stands for it where there is none.
    pub first: Option<&'a Tensor>,
    /// The second moment.
    pub second: &'a Tensor,
    /// The learning rate over the first bias correction.
    pub step_size: f64,
    /// One over the root of the second bias correction.
    pub inverse_root: f64,
}

/// The numbers of Adam that all parameters share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamDecay {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

/// Updates all parameters and averages in one launch. `false`, and nothing done, where the tensors are not all float32 on a GPU that this build has
/// kernels for.
///
/// Where `unless` found something, parameters and moments stay as they are and only averages move. That is decided on the GPU: nobody waits for it.
///
/// # Errors
/// If a tensor is not contiguous or of another shape; those of the device.
pub fn adam_update(
    parameters: &[AdamParameter<'_>],
    decay: AdamDecay,
    unless: Option<&NotFinite>,
) -> Result<bool> {
    #[cfg(feature = "cuda")]
    if parameters.iter().all(cuda::has_kernel) {
        return cuda::update(parameters, decay, unless).map(|()| true);
    }
    let _ = (parameters, decay, unless);
    Ok(false)
}

/// Which of some tensors hold a NaN or an infinity, as numbers on their GPU.
#[derive(Clone, Debug)]
pub struct NotFinite {
    /// One for each tensor, and one for all: 1 where there is one.
    flags: Tensor,
}

impl NotFinite {
    /// Looks through all tensors with one launch, and waits for nothing; none where the tensors are not all float32 on a GPU that this build has kernels for.
    ///
    /// # Errors
    /// If a tensor is not contiguous; those of the device.
    pub fn among(tensors: &[&Tensor]) -> Result<Option<Self>> {
        #[cfg(feature = "cuda")]
        if !tensors.is_empty() && crate::kernel::cuda::all_cuda_f32(tensors) {
            return cuda::not_finite(tensors).map(|flags| Some(Self { flags }));
        }
        let _ = tensors;
        Ok(None)
    }

    /// 1 if there is one in any of them, else 0: `[1]`, on the GPU.
    ///
    /// # Errors
    /// Those of the device.
    pub fn any(&self) -> Result<Tensor> {
        self.flags.narrow(0, self.flags.elem_count() - 1, 1)
    }

    /// For each tensor whether there is one in it. Waits for the GPU.
    ///
    /// # Errors
    /// Those of the device.
    pub fn read(&self) -> Result<Vec<bool>> {
        let mut flags = self.flags.to_vec1::<f32>()?;
        flags.pop();
        Ok(flags.into_iter().map(|flag| flag != 0.0).collect())
    }
}
