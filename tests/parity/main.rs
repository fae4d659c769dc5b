//! Parity: every golden case, against the numbers of independent implementations.
//!
//! `cargo test --release -p stylegan-tests --test parity -- --nocapture` prints the worst relative
//! error of each case. `STYLEGAN_GOLDEN_DIR` names another folder of cases.

use stylegan_parity::{Report, run};
use stylegan_testkit::golden::{cases_in, golden_dir};

#[test]
fn golden_cases() {
    let cases = cases_in(&golden_dir()).unwrap();
    let mut failures = Vec::new();
    for case in &cases {
        let mut report = Report::default();
        if let Err(error) = run(case, &mut report) {
            report.fail(format!("{error:#}"));
        }
        println!("{:28} {report}", case.name);
        failures.extend(report.failures().map(|failure| format!("{}: {failure}", case.name)));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(!cases.is_empty(), "no case was found");
}
