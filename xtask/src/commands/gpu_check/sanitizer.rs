//! The operations once more, each access to memory watched by NVIDIA's compute-sanitizer, where it is installed.

use std::process::Command;

use candle_core::{Device, DeviceLocation};

use super::report::Report;
use crate::failure::{Failure, OrFail};

/// The program, which comes with CUDA's toolkit.
const SANITIZER: &str = "compute-sanitizer";

/// Runs this program's check of operations under it.
///
/// # Errors
///
/// When this program cannot be started again.
pub fn check(device: &Device, report: &mut Report) -> Result<(), Failure> {
    let DeviceLocation::Cuda { gpu_id } = device.location() else {
        report.note("compute-sanitizer: left out, for GPUs only");
        return Ok(());
    };
    let own = std::env::current_exe().or_user_with(|| "cannot find this program".to_owned())?;
    let report_file = std::env::temp_dir().join(format!("gpu-check-{}.txt", std::process::id()));
    let output = Command::new(SANITIZER)
        .args(["--tool", "memcheck", "--error-exitcode", "9"])
        .arg(own)
        .args(["gpu-check", "--only", "ops", "--device", &format!("cuda:{gpu_id}"), "--out"])
        .arg(&report_file)
        .output();
    // The file of the inner check says nothing that is not said here.
    let _ = std::fs::remove_file(&report_file);
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let last = said.lines().rev().find(|line| line.contains("ERROR SUMMARY"));
            let last = last.unwrap_or("no summary").trim_matches(['=', ' ']);
            report.verdict("compute-sanitizer", output.status.success(), last);
        }
        Err(error) => report.note(&format!("compute-sanitizer: left out ({error})")),
    }
    Ok(())
}
