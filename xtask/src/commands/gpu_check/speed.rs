//! The time of training steps and of generation, as `cargo xtask bench` measures it.

use candle_core::{DType, Device};
use stylegan::FloatFormat;
use stylegan_ops::half_supported;

use super::report::Report;
use crate::commands::bench::{Args, Mode, Network, line};
use crate::failure::Failure;

/// Resolutions and batches: small ones on the processor, which only tests the check.
const ON_GPU: [(usize, usize); 3] = [(64, 64), (256, 16), (1024, 4)];
const ON_CPU: [(usize, usize); 1] = [(16, 2)];

/// The formats of the highest resolutions.
const FORMATS: [FloatFormat; 2] = [FloatFormat::Float32, FloatFormat::Bfloat16];

/// Measures each size in both modes and every format that the device knows.
///
/// # Errors
///
/// When a network cannot be made.
pub fn measure(device: &Device, report: &mut Report) -> Result<(), Failure> {
    let (sizes, width): (&[(usize, usize)], _) =
        if device.is_cpu() { (&ON_CPU, 64) } else { (&ON_GPU, 512) };
    // What a GPU is too old for is left out.
    let half = !device.is_cpu() && half_supported(device, DType::BF16).is_ok();
    let formats = if half { &FORMATS[..] } else { &FORMATS[..1] };
    for &(resolution, batch) in sizes {
        let modes = [Mode::Train, Mode::Generate];
        for (mode, &precision) in
            modes.iter().flat_map(|mode| formats.iter().map(move |f| (*mode, f)))
        {
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
                precision,
            };
            // A size that does not fit this GPU is no failure of the others.
            match line(&args) {
                Ok(line) => report.note(&line),
                Err(failure) => report.note(&format!(
                    "     {resolution}x{resolution}, batch {batch}, {precision}: left out, {failure}"
                )),
            }
        }
    }
    Ok(())
}
