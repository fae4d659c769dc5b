//! `cargo xtask bench --mode roofline`: what the machine can do at most, and how near to it each operation comes at the sizes of the networks.
//!
//! Convolutions and dense layers count the multiplications and additions of the direct sum; Winograd's transforms need fewer, so that they may pass
//! the ceiling. All others count the bytes that they must read and write once; what lies in a cache may pass the memory's.

mod ceilings;

use candle_core::{Device, Result as CandleResult, Tensor};
use serde::Serialize;
use stylegan_ops::random::Stream;
use stylegan_ops::{self as ops, Blurred, StyledConv2d, Upfirdn};

use super::hundredths;
use crate::failure::{Failure, OrFail};
use crate::memory;
use crate::printer::Printer;
use ceilings::{Ceilings, best_seconds};

/// Batch, channels, height and width of the maps.
const MAPS: [[usize; 3]; 5] =
    [[8, 512, 8], [8, 512, 32], [8, 256, 64], [4, 64, 128], [1, 16, 1024]];

/// A line of output.
#[derive(Serialize)]
struct Line<'a> {
    tool: &'a str,
    mode: &'a str,
    what: &'a str,
    shape: &'a str,
    ms: f64,
    /// `GFLOP/s` or `GB/s`.
    unit: &'a str,
    rate: f64,
    /// Of this machine's ceiling.
    percent: f64,
}

/// What an operation is held against.
#[derive(Clone, Copy)]
enum Work {
    /// Multiplications and additions.
    Flops(f64),
    /// Floats read and written.
    Floats(usize),
}

impl Work {
    /// What is counted, how much of it a second, and the most there can be.
    fn rate(self, seconds: f64, ceilings: &Ceilings) -> (&'static str, f64, f64) {
        match self {
            Self::Flops(flops) => ("GFLOP/s", flops / seconds / 1e9, ceilings.gflops),
            Self::Floats(floats) => ("GB/s", 4.0 * floats as f64 / seconds / 1e9, ceilings.gbytes),
        }
    }
}

/// Measures and prints a line each.
///
/// # Errors
///
/// When an operation refuses its arguments.
pub fn run(printer: Printer) -> Result<(), Failure> {
    memory::keep();
    let threads = rayon::current_num_threads();
    let say = |count: usize, Ceilings { gflops, gbytes }: Ceilings| {
        let plural = if count == 1 { "" } else { "s" };
        printer.note(&format!(
            "ceilings of {count} thread{plural}: {gflops:.0} GFLOP/s, {gbytes:.1} GB/s"
        ));
    };
    say(1, Ceilings::measure(1));
    let ceilings = Ceilings::measure(threads);
    say(threads, ceilings);
    let report = Report { printer, ceilings };
    for map in MAPS {
        convolutions(&report, map).or_user()?;
        others(&report, map).or_user()?;
    }
    dense(&report).or_user()?;
    Ok(())
}

/// Where lines go.
struct Report {
    printer: Printer,
    ceilings: Ceilings,
}

impl Report {
    /// Measures an operation, best of some, after one to warm up.
    fn measure(
        &self,
        what: &str,
        shape: &str,
        work: Work,
        run: impl Fn() -> CandleResult<Tensor>,
    ) -> CandleResult<()> {
        run()?;
        let mut failure = None;
        let seconds = best_seconds(|| failure = run().err());
        if let Some(error) = failure {
            return Err(error);
        }
        let (unit, rate, ceiling) = work.rate(seconds, &self.ceilings);
        let (ms, percent) = (hundredths(seconds * 1e3), (100.0 * rate / ceiling).round());
        let line = Line {
            tool: concat!("stylegan ", env!("CARGO_PKG_VERSION")),
            mode: "roofline",
            what,
            shape,
            ms,
            unit,
            rate: hundredths(rate),
            percent,
        };
        let plain =
            format!("{what:<22} {shape:<26} {ms:>9.2} ms {rate:>8.1} {unit:<7} {percent:>4.0} %");
        self.printer.data(&plain, &line).map_err(candle_core::Error::wrap)
    }
}

/// Random numbers that differ by `id`.
fn normal(id: u64, shape: &[usize]) -> CandleResult<Tensor> {
    Stream::new(0, id, 0).normal(shape, &Device::Cpu)
}

fn convolutions(report: &Report, [n, c, size]: [usize; 3]) -> CandleResult<()> {
    let (x, g) = (normal(0, &[n, c, size, size])?, normal(1, &[n, c, size, size])?);
    let (w, hw) = (normal(2, &[c, c, 3, 3])?, (size, size));
    let shape = format!("{n} x {c} x {size}x{size}, 3x3");
    let flops = Work::Flops(2.0 * 9.0 * (n * c * c * size * size) as f64);
    report.measure("conv2d", &shape, flops, || ops::conv2d(&x, &w, 1, 1, 1.0))?;
    report.measure("conv2d, gradient of x", &shape, flops, || {
        ops::conv2d_input_vjp(&g, &w, hw, 1, 1, 1.0)
    })?;
    report.measure("conv2d, gradient of w", &shape, flops, || {
        ops::conv2d_weight_vjp(&x, &g, 3, 1, 1, 1.0)
    })?;
    let wide = normal(3, &[c, c, 4, 4])?;
    let shape = format!("{n} x {c} x {size}x{size}, 4x4 s2");
    let flops = Work::Flops(2.0 * 4.0 * (n * c * c * size * size) as f64);
    report.measure("conv2d", &shape, flops, || ops::conv2d(&x, &wide, 2, 1, 1.0))?;
    let (bias, noise) = (normal(4, &[c])?, normal(5, &[n, 1, size, size])?);
    let style = normal(6, &[n, 2 * c])?;
    let layer = StyledConv2d {
        up: None,
        scale: 1.0,
        noise: Some((&noise, &bias)),
        bias: &bias,
        slope: 0.2,
        eps: 1e-8,
    };
    let shape = format!("{n} x {c} x {size}x{size}, 3x3");
    let flops = Work::Flops(2.0 * 9.0 * (n * c * c * size * size) as f64);
    report.measure("synthesis layer", &shape, flops, || layer.forward(&x, &w, &style))?;
    let half = normal(7, &[n, c, size / 2, size / 2])?;
    let layer = StyledConv2d { up: Some(Blurred(true)), ..layer };
    let shape = format!("{n} x {c} x {size}x{size}, up");
    let flops = Work::Flops(2.0 * 4.0 * (n * c * c * size * size) as f64);
    report.measure("synthesis layer", &shape, flops, || layer.forward(&half, &wide, &style))
}

fn others(report: &Report, [n, c, size]: [usize; 3]) -> CandleResult<()> {
    let (x, g) = (normal(0, &[n, c, size, size])?, normal(1, &[n, c, size, size])?);
    let (bias, style) = (normal(2, &[c])?, normal(3, &[n, 2 * c])?);
    let (noise, factors) = (normal(4, &[n, 1, size, size])?, normal(5, &[n, c])?);
    let shape = format!("{n} x {c} x {size}x{size}");
    let count = x.elem_count();
    let once = Work::Floats(2 * count);
    let run = |what: &str, work: Work, run: &dyn Fn() -> CandleResult<Tensor>| {
        report.measure(what, &shape, work, run)
    };
    run("bias_act", once, &|| ops::bias_act(&x, &bias, 1.0, Some(0.2)))?;
    run("leaky_relu_vjp", Work::Floats(3 * count), &|| ops::leaky_relu_vjp(&g, &x, 0.2))?;
    run("noise_bias_act", once, &|| ops::noise_bias_act(&x, &noise, &bias, &bias, 1.0, 0.2))?;
    run("blur", once, &|| ops::blur(&x))?;
    run("upsample_nearest2d", Work::Floats(5 * count), &|| ops::upsample_nearest2d(&x))?;
    run("downsample_box2d", Work::Floats(count + count / 4), &|| ops::downsample_box2d(&x))?;
    run("upfirdn2d, halving", Work::Floats(count + count / 4), &|| {
        ops::upfirdn2d(&x, &Upfirdn::halving())
    })?;
    run("adain", once, &|| ops::adain(&x, &style, 1e-8))?;
    run("scale_channels", once, &|| ops::scale_channels(&x, &factors))?;
    run("pixel_norm", once, &|| ops::pixel_norm(&x, 1e-8))?;
    run("normal numbers", Work::Floats(count), &|| normal(6, &[n, c, size, size]))
}

fn dense(report: &Report) -> CandleResult<()> {
    for [n, width] in [[8, 512], [16, 128], [64, 512]] {
        let (x, w) = (normal(0, &[n, width])?, normal(1, &[width, width])?);
        let flops = Work::Flops(2.0 * (n * width * width) as f64);
        report.measure("linear", &format!("{n} x {width} to {width}"), flops, || {
            ops::linear(&x, &w, 1.0)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_held_against_its_own_ceiling() {
        let ceilings = Ceilings { gflops: 400.0, gbytes: 20.0 };
        assert_eq!(Work::Flops(2e9).rate(0.5, &ceilings), ("GFLOP/s", 4.0, 400.0));
        assert_eq!(Work::Floats(1 << 28).rate(1.0, &ceilings), ("GB/s", 1.073741824, 20.0));
    }
}
