//! The golden cases that networks compute, on the device.

use std::path::Path;

use candle_core::Device;
use stylegan_ops::tf32_allowed;
use stylegan_parity::{Report as CaseReport, needs_device, run};
use stylegan_testkit::golden::cases_in;

use super::report::Report;
use crate::failure::{Failure, OrFail};

/// Runs all cases of a folder.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn check(folder: &Path, device: &Device, report: &mut Report) -> Result<(), Failure> {
    let cases = cases_in(folder)
        .or_user_with(|| format!("cannot read the golden cases in `{}`", folder.display()))
        .map_err(|failure| failure.hint("name their folder with --golden"))?;
    if tf32_allowed() {
        report.note("the golden cases ask for float32: their tolerances do not hold for TF32");
    }
    for case in cases.into_iter().filter(needs_device) {
        let case = case.on(device);
        let mut found = CaseReport::default();
        if let Err(error) = run(&case, &mut found) {
            // Without the backtrace that candle appends where the environment asks for one.
            let said = format!("{error:#}");
            found.fail(said.lines().next().unwrap_or_default().to_owned());
        }
        let failures: Vec<&String> = found.failures().collect();
        report.verdict(&format!("golden {}", case.name), failures.is_empty(), &found.to_string());
        failures.into_iter().for_each(|failure| report.note(&format!("       {failure}")));
    }
    Ok(())
}
