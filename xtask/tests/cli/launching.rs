//! What launchers leave in the environment, and what does not fit.

use std::path::PathBuf;

use crate::harness::{Ran, refused, tiny_config, xtask_with};

/// Runs a command with these variables in the environment.
fn launched(command: &[&str], variables: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (*name, PathBuf::from(value))).collect();
    let ran = xtask_with(folder.path(), command, &variables);
    assert!(!folder.path().join("runs").exists(), "nothing is left behind");
    ran
}

const TRAIN: [&str; 3] = ["train", "--config", "tiny.toml"];

#[test]
fn variables_that_do_not_fit_are_named() {
    let ran = launched(&TRAIN, &[("RANK", "1")]);
    refused(&ran, &["RANK is set, but WORLD_SIZE is not"]);
    let ran = launched(&TRAIN, &[("RANK", "2"), ("WORLD_SIZE", "2")]);
    refused(&ran, &["RANK is 2, but there are 2 ranks"]);
}

#[cfg(not(any(feature = "mpi", feature = "nccl")))]
#[test]
fn a_program_for_one_process_says_how_to_build_another() {
    let two = |rank| [("RANK", rank), ("WORLD_SIZE", "2")];
    let ran = launched(&TRAIN, &two("0"));
    refused(&ran, &["this is rank 0 of 2", "--features mpi", "--features cuda,nccl"]);
    // The first rank has said so.
    let ran = launched(&TRAIN, &two("1"));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(1), "", ""));
}

#[test]
fn an_encoder_is_trained_by_one_process() {
    let ran = launched(&["train-psp"], &[("PMI_RANK", "0"), ("PMI_SIZE", "2")]);
    refused(&ran, &["`train-psp` runs in one process, and this is rank 0 of 2"]);
}
