//! Parity: every golden case, against the numbers of independent implementations.
//!
//! `cargo test --release -p stylegan-tests --test parity -- --nocapture` prints the worst relative
//! error of each case. `STYLEGAN_GOLDEN_DIR` names another folder of cases.

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
mod training;

use report::Report;
use stylegan_testkit::golden::{Case, cases_in, golden_dir};

/// The kinds of cases whose subject this workspace does not have yet.
const NOT_BUILT_YET: [&str; 0] = [];

fn run(case: &Case, report: &mut Report) -> anyhow::Result<()> {
    if let Some(dialect) = dialects::dialect(case) {
        return dialects::run(case, dialect, report);
    }
    match case.kind.as_str() {
        "stylegan1.generator" | "pggan.generator" => generator::run(case, report),
        "stylegan1.discriminator" | "pggan.discriminator" => discriminator::run(case, report),
        "stylegan2.generator" => stylegan2::generator(case, report),
        "stylegan2.discriminator" => stylegan2::discriminator(case, report),
        "stylegan1.training" => training::run(case, report),
        "psp.encoder" => psp::encoder(case, report),
        "psp.identity" => psp::identity(case, report),
        "optimizer.ranger" => psp::ranger(case, report),
        "lpips" => features::lpips(case, report),
        "inception.fid" => features::inception(case, report),
        "fid.from_features" => features::figures(case, report),
        "separability" => metrics::separability(case, report),
        "ppl.arithmetic" => metrics::path_length(case, report),
        "progressive.schedule" => schedule::run(case, report),
        kind => anyhow::bail!("unknown kind {kind}"),
    }
}

#[test]
fn golden_cases() {
    let cases = cases_in(&golden_dir()).unwrap();
    let (mut done, mut failures) = (0, Vec::new());
    for case in &cases {
        if NOT_BUILT_YET.contains(&case.kind.as_str()) {
            println!("{:28} not built yet ({})", case.name, case.kind);
            continue;
        }
        let mut report = Report::default();
        if let Err(error) = run(case, &mut report) {
            report.fail(format!("{error:#}"));
        }
        println!("{:28} {report}", case.name);
        failures.extend(report.failures().map(|failure| format!("{}: {failure}", case.name)));
        done += 1;
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(done > 0, "no case of a kind that is built was found");
}
