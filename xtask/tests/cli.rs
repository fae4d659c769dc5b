//! The command line as a user meets it: what bad input gets, exit codes, files that are left.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// What a run of the binary left.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the binary in `folder`.
fn xtask<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Ran {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the binary runs");
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Asserts that a run ended as the user's mistake, said `said`, ended in a hint, and printed no
/// data.
#[track_caller]
fn refused(ran: &Ran, said: &[&str]) {
    let Ran { code, out, err } = ran;
    assert_eq!(*code, Some(1), "{err}");
    for words in said {
        assert!(err.contains(words), "expected `{words}` in:\n{err}");
    }
    let last = err.lines().last().unwrap_or_default();
    assert!(last.starts_with("hint: "), "the last line is no hint:\n{err}");
    assert_eq!(err.matches("error: ").count(), 1, "{err}");
    assert_eq!(out, "", "nothing is printed as data");
}

#[test]
fn help_is_data_and_slips_on_the_command_line_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let help = xtask(folder.path(), ["--help"]);
    assert_eq!(help.code, Some(0));
    for command in ["train", "generate", "mix", "interpolate", "truncate", "inspect", "bench"] {
        assert!(help.out.contains(command), "{command} is not in the help");
    }
    refused(&xtask(folder.path(), ["trian"]), &["unrecognized subcommand 'trian'", "'train'"]);
    refused(&xtask(folder.path(), ["generate", "--sedes", "1"]), &["'--sedes'", "'--seeds'"]);
    refused(&xtask(folder.path(), ["generate", "--seeds", "7-3"]), &["runs backwards"]);
    refused(&xtask(folder.path(), ["generate", "--psi", "much"]), &["psi is a number"]);
    refused(&xtask(folder.path(), ["generate", "--threads", "0"]), &["--threads"]);
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    refused(&xtask(folder.path(), ["generate"]), &["no trained model", "runs", "cargo xtask train"]);
    let ran = xtask(folder.path(), ["generate", "--model", "nowhere.safetensors"]);
    refused(&ran, &["nowhere.safetensors"]);
    fs::write(folder.path().join("other.safetensors"), "not a model").unwrap();
    let ran = xtask(folder.path(), ["mix", "--model", "other.safetensors"]);
    refused(&ran, &["other.safetensors"]);
    assert!(!folder.path().join("out").exists(), "nothing is written");
}
