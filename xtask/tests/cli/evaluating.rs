//! Evaluations, and the weights that they need.

use std::fs;

use crate::harness::{lines, refused, tiny_model, xtask};

#[test]
fn what_needs_no_network_is_measured_of_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    let args = [
        "--json",
        "eval",
        "--metrics",
        "swd,msssim",
        "--model",
        "tiny.safetensors",
        "--data",
        "faces:30",
        "--samples",
        "20",
        "--out",
        "results.jsonl",
    ];
    let ran = xtask(at, args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[0].contains(r#""metric":"swd""#) && lines[0].contains("level 16"), "{lines:?}");
    assert!(lines[1].contains(r#""metric":"msssim""#), "{lines:?}");
    assert!(lines[1].contains(r#""interval":{"low""#), "{lines:?}");
    let written = fs::read_to_string(at.join("results.jsonl")).unwrap();
    assert_eq!(written.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn random_features_are_labelled_and_few_samples_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let args = [
        "eval-fid",
        "--images",
        "faces:3@32",
        "--data",
        "faces:3@32",
        "--samples",
        "3",
        "--random-features",
        "1",
        "--batch",
        "3",
    ];
    let ran = xtask(at, args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("RANDOM FEATURES") && ran.out.contains("no published one"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("fewer than the 2048 features"), "{}", ran.err);
    assert!(at.join("cache/evaluations").is_dir());
    // What is cached is not computed again, and gives the same figure.
    let value =
        |out: &str| out.lines().nth(1).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let again = xtask(at, args);
    assert_eq!(value(&again.out), value(&ran.out));
}

#[test]
fn weights_that_are_missing_or_damaged_have_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let eval = ["eval-fid", "--images", "faces:4@32", "--data", "faces:4@32", "--samples", "4"];
    refused(&xtask(at, eval), &["inception", "not on this machine", "weights fetch inception"]);
    fs::write(at.join("bad.pth"), b"PK\x03\x04 truncated").unwrap();
    let named = [&eval[..], &["--weights", "inception=bad.pth"]].concat();
    refused(&xtask(at, named), &["bad.pth"]);
    refused(&xtask(at, ["eval-fid"]), &["--data"]);
    refused(
        &xtask(at, ["weights", "fetch", "squeezenet", "--offline"]),
        &["squeezenet1_1-b8a52dc0.pth"],
    );
    refused(&xtask(at, ["weights", "verify"]), &["no published weights"]);
    let weights = at.join("cache/weights");
    fs::create_dir_all(&weights).unwrap();
    fs::write(weights.join("squeezenet1_1-b8a52dc0.pth"), b"other bytes").unwrap();
    refused(&xtask(at, ["weights", "verify", "squeezenet"]), &["b8a52dc0", "11 bytes of 4966400"]);
    let listed = xtask(at, ["weights", "list"]);
    assert!(listed.out.contains("squeezenet  here"), "{}", listed.out);
    assert!(listed.out.contains("vgg16       missing"), "{}", listed.out);
}

#[test]
fn folders_are_compared_pair_by_pair() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    lines(at, ["prepare", "faces:6@32", "a", "--resolution", "32"]);
    lines(at, ["prepare", "faces:6@32", "b", "--resolution", "32"]);
    lines(at, ["prepare", "faces:5@32", "c", "--resolution", "32"]);
    lines(at, ["prepare", "faces:6@16", "d", "--resolution", "16"]);
    let compare = |a, b| {
        let network = ["--lpips", "squeezenet", "--random-features", "1"];
        xtask(at, [&["--json", "eval", "--compare", a, b][..], &network].concat())
    };
    let same = compare("a", "b");
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert_eq!(same.out.lines().count(), 6 + 3);
    assert!(
        same.out.lines().next().unwrap().contains(r#""l2":0.0,"ssim":1.0,"lpips":0.0"#),
        "{}",
        same.out
    );
    refused(&compare("a", "c"), &["6 pictures", "5"]);
    refused(&compare("a", "d"), &["32x32", "16x16"]);
    let plain = xtask(at, ["eval", "--compare", "a", "b", "--lpips", "none"]);
    assert!(
        plain.code == Some(0) && plain.out.contains("SSIM 1.00000"),
        "{} {}",
        plain.out,
        plain.err
    );
}

#[test]
fn identity_is_compared_where_its_network_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    // A run that teaches a small identity network stands for the published one.
    let train = ["train-psp", "--decoder", "tiny.safetensors", "--data", "faces:30@16"];
    let small = ["--steps", "1", "--run", "run", "--set", "batch=2", "--set", "teach_steps=2"];
    let encoder = [
        "--set",
        "encoder.backbone.base_width=16",
        "--set",
        "loss.identity=0.1",
        "--random-features",
        "1",
    ];
    lines(at, [&train[..], &small, &encoder].concat());
    let compare = ["--json", "eval", "--compare", "faces:3@32", "faces:3@32", "--lpips", "none"];
    let named = [&compare[..], &["--weights", "arcface=run/identity.safetensors"]].concat();
    let found = lines(at, named);
    let line: serde_json::Value = serde_json::from_str(&found[0]).unwrap();
    assert!((line["identity"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{line}");
    let mean: serde_json::Value = serde_json::from_str(found.last().unwrap()).unwrap();
    assert_eq!(
        (&mean["metric"], &mean["networks"][0]["name"]),
        (&"identity".into(), &"arcface".into())
    );
    let wrong = [&compare[..], &["--weights", "arcface=tiny.safetensors"]].concat();
    refused(&xtask(at, wrong), &["identity network", "tiny.safetensors"]);
}
