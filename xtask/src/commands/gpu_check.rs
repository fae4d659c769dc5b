//! `cargo xtask gpu-check`: whether a GPU computes what the processor computes, in one report.
//!
//! It needs nothing but the folder of golden cases, so that a binary that was built elsewhere can be checked on a machine that has a GPU and no Rust. With
//! `--device cpu` it compares the kernels with the reference forms, which tests the check itself.

mod golden;
mod ops;
mod optimizer;
mod report;
mod sanitizer;
mod speed;
mod training;

use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use stylegan_ops::{gpu_name, tf32_allowed};

use crate::device;
use crate::failure::{Failure, OrFail};
use crate::printer::Printer;
use report::Report;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The folder of golden cases
    #[arg(long, value_name = "FOLDER", default_value = "tests/golden")]
    pub golden: PathBuf,
    /// The report
    #[arg(long, value_name = "FILE", default_value = "gpu-check.txt")]
    pub out: PathBuf,
    /// Steps of the training that is compared
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub steps: usize,
    /// The parts to check
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    pub only: Vec<Part>,
}

/// A part of the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Every operation with its gradients, the optimizer, and random numbers.
    Ops,
    /// The golden cases of networks.
    Golden,
    /// Steps of the default preset, beside the processor's.
    Training,
    /// The operations once more, under NVIDIA's compute-sanitizer where it is installed.
    Sanitizer,
    /// The time of training steps and of generation.
    Speed,
}

impl Part {
    const ALL: [Self; 5] = [Self::Ops, Self::Golden, Self::Training, Self::Sanitizer, Self::Speed];
}

/// Checks, and writes the report.
///
/// # Errors
///
/// When something differs by more than its tolerance, or the report cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let device = device::chosen();
    let name = gpu_name(device).unwrap_or_else(|| "the processor".to_owned());
    let started = Instant::now();
    let mut report = Report::default();
    report.note(&format!("stylegan {} on {name}", env!("CARGO_PKG_VERSION")));
    report.note(&format!("TF32: {}", if tf32_allowed() { "allowed" } else { "off" }));
    for part in Part::ALL.into_iter().filter(|part| args.only.contains(part)) {
        printer.note(&format!("checking: {part:?}"));
        let begun = Instant::now();
        match part {
            Part::Ops => {
                ops::check(device, &mut report)?;
                optimizer::check(device, &mut report)?;
            }
            Part::Golden => golden::check(&args.golden, device, &mut report)?,
            Part::Training => training::check(args.steps, device, &mut report)?,
            Part::Sanitizer => sanitizer::check(device, &mut report)?,
            Part::Speed => speed::measure(device, &mut report)?,
        }
        report.note(&format!("{part:?}: {:.1} s", begun.elapsed().as_secs_f64()));
    }
    report.note(&format!("all: {:.1} s", started.elapsed().as_secs_f64()));
    std::fs::write(&args.out, report.text())
        .or_user_with(|| format!("cannot write the report `{}`", args.out.display()))
        .map_err(|failure| failure.hint("name another file with --out"))?;
    match report.failures() {
        0 => printer.line(&args.out.display().to_string()),
        count => Err(Failure::user(format!(
            "{count} of {} comparisons differ by more than they may",
            report.comparisons()
        ))
        .hint(format!("they are marked FAIL in `{}`", args.out.display()))),
    }
}
