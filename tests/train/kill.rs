//! A run that is killed outright, and started again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use stylegan_trainer::events::Event;

use crate::small;

/// Names the folder that the child process trains in.
const CHILD: &str = "STYLEGAN_TEST_KILLED_RUN";

/// Not a test by itself: the process that [`killed_and_started_again`] starts and kills.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let mut observer = |event: &Event| println!("event: {event}");
    small::train_watched(&small::config(), Path::new(&folder), &mut observer);
}

#[test]
fn killed_and_started_again() {
    let root = tempfile::tempdir().unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    small::train(&small::config(), &whole);

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture"])
        .env(CHILD, &killed)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Some steps after a snapshot, so that work is lost.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("snapshot")));
    assert!(lines.any(|line| line.contains("kimg")));
    child.kill().unwrap();
    child.wait().unwrap();

    small::train(&small::config(), &killed);
    let (whole, killed) = (small::last_snapshot(&whole), small::last_snapshot(&killed));
    for (name, bytes) in &whole {
        assert!(killed[name] == *bytes, "{name} differs");
    }
}
