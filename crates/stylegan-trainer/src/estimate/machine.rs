//! How fast a machine is.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Result, Tensor};
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

    /// Times the three passes of convolutions of a large and a small map on a device, for about a fifth of a second.
    ///
    /// # Errors
    /// Those of the device.
    pub fn measure(device: &Device) -> Result<Self> {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, device);
        let n = 8;
        let (mut operations, mut seconds) = (0.0, 0.0);
        for (c, size) in [(64, 32), (128, 8)] {
            let (x, w) = (ones(&[n, c, size, size])?, ones(&[c, c, 3, 3])?);
            seconds += mean_time(|| ops::conv2d(&x, &w, 1, 1, 1.0))?;
            seconds += mean_time(|| ops::conv2d_input_vjp(&x, &w, (size, size), 1, 1, 1.0))?;
            seconds += mean_time(|| ops::conv2d_weight_vjp(&x, &x, 3, 1, 1, 1.0))?;
            operations += 3.0 * 2.0 * (9 * n * c * c * size * size) as f64;
        }
        // The speed of memory differs less among machines, and is harder to measure right.
        Ok(Self { operations_per_second: operations / seconds, ..Self::TYPICAL })
    }
}

/// The mean seconds of some runs after a first that warms up. Not the fastest: whatever else the machine does will slow
/// training down too.
fn mean_time(run: impl Fn() -> Result<Tensor>) -> Result<f64> {
    const BUDGET: Duration = Duration::from_millis(30);
    let timed = || -> Result<Duration> {
        let start = Instant::now();
        run()?.device().synchronize()?;
        Ok(start.elapsed())
    };
    timed()?;
    let (mut sum, mut runs) = (Duration::ZERO, 0);
    while runs < 3 || (runs < 20 && sum < BUDGET) {
        sum += timed()?;
        runs += 1;
    }
    Ok((sum.as_secs_f64() / f64::from(runs)).max(1e-9))
}
