//! The time of training steps and of generation, as `cargo xtask bench` measures it.

use candle_core::Device;
use stylegan::FloatFormat;

use super::report::Report;
use crate::commands::bench::{Args, Mode, Network, line};
use crate::failure::Failure;

/// Resolutions and batches: small ones on the processor, which only tests the check.
const ON_GPU: [(usize, usize); 3] = [(64, 64), (256, 16), (1024, 4)];
const ON_CPU: [(usize, usize); 1] = [(16, 2)];

/// Measures each size in both modes.
///
/// # Errors
///
/// When a network cannot be made.
pub fn measure(device: &Device, report: &mut Report) -> Result<(), Failure> {
    let (sizes, width): (&[(usize, usize)], _) =
        if device.is_cpu() { (&ON_CPU, 64) } else { (&ON_GPU, 512) };
    for &(resolution, batch) in sizes {
        for mode in [Mode::Train, Mode::Generate] {
            let args = Args {
                resolution,
                batch,
                network: Network::Stylegan,
                mode,
                channel_base: 16 * width,
                channel_max: width,
                w_dim: width,
                data: None,
                steps: 5,
                precision: FloatFormat::Float32,
            };
            // A size that does not fit this GPU is no failure of the others.
            match line(&args) {
                Ok(line) => report.note(&line),
                Err(failure) => report.note(&format!(
                    "     {resolution}x{resolution}, batch {batch}: left out, {failure}"
                )),
            }
        }
    }
    Ok(())
}
