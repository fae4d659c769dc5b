//! Slips on the command line itself, and models that are not there.

use std::fs;

use crate::harness::{refused, tiny_model, xtask};

#[test]
fn help_is_data_and_slips_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let help = xtask(folder.path(), ["--help"]);
    assert_eq!(help.code, Some(0));
    for command in ["train", "generate", "mix", "interpolate", "truncate", "inspect", "bench"] {
        assert!(help.out.contains(command), "{command} is not in the help");
    }
    refused(
        &xtask(folder.path(), ["generat"]),
        &["unrecognized subcommand 'generat'", "'generate'"],
    );
    refused(&xtask(folder.path(), ["generate", "--sedes", "1"]), &["'--sedes'", "'--seeds'"]);
    refused(&xtask(folder.path(), ["generate", "--seeds", "7-3"]), &["runs backwards"]);
    refused(&xtask(folder.path(), ["generate", "--psi", "much"]), &["psi is a number"]);
    refused(&xtask(folder.path(), ["generate", "--threads", "0"]), &["--threads"]);
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ran = xtask(folder.path(), ["generate"]);
    refused(&ran, &["no trained model", "runs", "cargo xtask train"]);
    let ran = xtask(folder.path(), ["generate", "--model", "nowhere.safetensors"]);
    refused(&ran, &["nowhere.safetensors"]);
    refused(&xtask(folder.path(), ["mix", "--model", "."]), &["no model in the folder"]);
    refused(&xtask(folder.path(), ["inspect", "nowhere"]), &["nowhere"]);
    assert!(!folder.path().join("out").exists(), "nothing is written");
}

#[test]
fn damaged_and_foreign_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text.safetensors"), "certainly not a model").unwrap();
    let ran = xtask(folder.path(), ["mix", "--model", "text.safetensors"]);
    refused(&ran, &["text.safetensors"]);

    let whole = fs::read(tiny_model(folder.path())).unwrap();
    fs::write(folder.path().join("half.safetensors"), &whole[..whole.len() / 2]).unwrap();
    let ran = xtask(folder.path(), ["generate", "--model", "half.safetensors"]);
    refused(&ran, &["half.safetensors is truncated"]);
    refused(&xtask(folder.path(), ["inspect", "half.safetensors"]), &["is truncated"]);

    let tensor = candle_core::Tensor::new(1f32, &candle_core::Device::Cpu).unwrap();
    let path = folder.path().join("other.safetensors");
    stylegan_checkpoint::save(&path, [("x", &tensor)], &Default::default()).unwrap();
    let ran = xtask(folder.path(), ["truncate", "--model", "other.safetensors"]);
    refused(&ran, &["other.safetensors", "holds no generator"]);
    assert!(!folder.path().join("out").exists(), "nothing is written");
}
