//! How fast a machine is.

use std::time::{Duration, Instant};

use candle_core::{Device, Result, Tensor};
use stylegan_ops as ops;

/// The speed of a machine in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Floating-point operations a second in convolutions.
    pub operations_per_second: f64,
    /// Bytes a second in elementwise operations.
    pub bytes_per_second: f64,
}

impl Machine {
    /// Two cores of a server of 2022.
    pub const TYPICAL: Self = Self { operations_per_second: 200e9, bytes_per_second: 8e9 };

    /// Times a convolution and an activation of middling size on a device, for about a tenth of a second.
    ///
    /// # Errors
    /// Those of the device.
    pub fn measure(device: &Device) -> Result<Self> {
        let (n, c, size) = (4, 64, 32);
        let x = Tensor::ones((n, c, size, size), candle_core::DType::F32, device)?;
        let w = Tensor::ones((c, c, 3, 3), candle_core::DType::F32, device)?;
        let convolution = fastest(|| ops::conv2d(&x, &w, 1, 1, 1.0))?;
        let bias = Tensor::ones(c, candle_core::DType::F32, device)?;
        let activation = fastest(|| ops::bias_act(&x, &bias, 1.0, Some(0.2)))?;
        let outputs = (n * c * size * size) as f64;
        Ok(Self {
            operations_per_second: 2.0 * 9.0 * c as f64 * outputs / convolution,
            // Read and written.
            bytes_per_second: 8.0 * outputs / activation,
        })
    }
}

/// The seconds of the fastest of some runs, the first of which warms up.
fn fastest(run: impl Fn() -> Result<Tensor>) -> Result<f64> {
    const BUDGET: Duration = Duration::from_millis(50);
    let start = Instant::now();
    let mut best = f64::MAX;
    for round in 0..20 {
        let began = Instant::now();
        let result = run()?;
        result.device().synchronize()?;
        if round > 0 {
            best = best.min(began.elapsed().as_secs_f64());
        }
        if round > 2 && start.elapsed() > BUDGET {
            break;
        }
    }
    Ok(best.max(1e-9))
}
