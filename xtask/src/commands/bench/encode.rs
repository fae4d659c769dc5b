//! `cargo xtask bench --mode encode`: the time of the published encoder, 18 styles of 512, on images of 256x256.

use std::time::Instant;

use candle_core::DType;
use serde::Serialize;
use stylegan::Parameters;
use stylegan_ops::random::Stream;
use stylegan_psp::{Encoder, EncoderConfig, Mode};

use super::{Args, WARM_UP, hundredths, peak_memory};
use crate::device;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Serialize)]
struct Line<'a> {
    tool: &'a str,
    mode: &'a str,
    parameters: usize,
    input_size: usize,
    batch: usize,
    threads: usize,
    ms_per_step: f64,
    best_ms: f64,
    images_per_second: f64,
    peak_memory_mb: Option<f64>,
}

/// Measures and prints.
///
/// # Errors
///
/// None in practice.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let config = EncoderConfig::default();
    let parameters = Parameters::new(0, DType::F32, device::chosen());
    Encoder::new(&config, parameters.builder())?;
    let encoder = Encoder::new(&config, parameters.frozen_builder())?;
    let shape = (args.batch, config.input_channels, config.input_size, config.input_size);
    let images = Stream::new(0, 0, 0).normal(shape, device::chosen())?;
    let mut times = Vec::with_capacity(args.steps);
    for step in 0..WARM_UP + args.steps {
        let started = Instant::now();
        stylegan_ops::in_pool(|| encoder.forward(&images, Mode::Evaluation))?;
        if step >= WARM_UP {
            times.push(started.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let line = Line {
        tool: concat!("stylegan ", env!("CARGO_PKG_VERSION")),
        mode: "encode",
        parameters: parameters.count(),
        input_size: config.input_size,
        batch: args.batch,
        threads: rayon::current_num_threads(),
        ms_per_step: hundredths(median * 1e3),
        best_ms: hundredths(times[0] * 1e3),
        images_per_second: hundredths(args.batch as f64 / median),
        peak_memory_mb: peak_memory().map(|bytes| hundredths(bytes / 1e6)),
    };
    printer.line(&serde_json::to_string(&line).map_err(Failure::program)?)
}
