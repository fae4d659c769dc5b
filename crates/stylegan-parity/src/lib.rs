//! Golden cases: the numbers of independent implementations, against this workspace's networks, on the device where a case's tensors are.
//!
//! [`run`] takes a case of any kind and notes in a [`Report`] what it compared. The cases' format is that of
//! [`stylegan_testkit::golden`].

mod dialects;
mod discriminator;
mod features;
mod generator;
mod metrics;
mod names;
mod psp;
mod report;
mod schedule;
mod stylegan2;
mod stylegan2_training;
mod training;

pub use report::Report;
use stylegan_testkit::golden::Case;
pub use stylegan2_training::draws as training_draws;

/// Runs a case.
///
/// # Errors
/// A case of an unknown kind or that lacks something, and those of the networks. Differing numbers are no error: they are in the report.
pub fn run(case: &Case, report: &mut Report) -> anyhow::Result<()> {
    if let Some(dialect) = dialects::dialect(case) {
        return dialects::run(case, dialect, report);
    }
    match case.kind.as_str() {
        "stylegan1.generator" | "pggan.generator" => generator::run(case, report),
        "stylegan1.discriminator" | "pggan.discriminator" => discriminator::run(case, report),
        "stylegan2.generator" => stylegan2::generator(case, report),
        "stylegan2.discriminator" => stylegan2::discriminator(case, report),
        "stylegan1.training" => training::run(case, report),
        "stylegan2.training" => stylegan2_training::run(case, report),
        "psp.encoder" => psp::encoder(case, report),
        "psp.identity" => psp::identity(case, report),
        "optimizer.ranger" => psp::ranger(case, report),
        "lpips" => features::lpips(case, report),
        "inception.fid" => features::inception(case, report),
        "faces.attributes" => features::faces(case, report),
        "fid.from_features" => features::figures(case, report),
        "separability" => metrics::separability(case, report),
        "ppl.arithmetic" => metrics::path_length(case, report),
        "progressive.schedule" => schedule::run(case, report),
        kind => anyhow::bail!("unknown kind {kind}"),
    }
}

/// Whether a case computes with a network, and so on a device: the others are arithmetic in main memory.
pub fn needs_device(case: &Case) -> bool {
    !["fid.from_features", "separability", "ppl.arithmetic", "progressive.schedule"]
        .contains(&case.kind.as_str())
}
