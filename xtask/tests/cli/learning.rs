//! How near a run's faces came to the bundled ones.

use std::fs;

use serde_json::Value;

use crate::harness::{lines, refused, tiny_config, tiny_model, xtask};

#[test]
fn every_snapshot_of_a_run_is_measured_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_config(at);
    let train =
        ["train", "--config", "tiny.toml", "--run", "run", "--set", "network.resolution=32"];
    lines(at, [&train[..], &["--kimg", "0.08"]].concat());
    let few = ["--samples", "8", "--data", "faces:16", "--psi", "1,0.5"];
    let command = |more: &[&'static str]| [&["eval-learning"], more, &few[..]].concat();
    let first = xtask(at, command(&["--json", "run", "--out", "results.jsonl"]));
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(first.err.contains("snapshot 000000, psi 0.5"), "{}", first.err);
    let printed: Vec<Value> =
        first.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(printed.len(), 2, "{}", first.out);
    for (line, psi) in printed.iter().zip([1.0, 0.5]) {
        assert_eq!((&line["psi"], &line["kimg"]), (&psi.into(), &0.08.into()), "{line}");
        assert_eq!((&line["snapshot"], &line["samples"]), (&0.into(), &8.into()));
        assert!(line["seconds"].as_f64().unwrap() > 0.0, "{line}");
        assert!(line["fd"].as_f64().unwrap() > line["floor"]["halves"].as_f64().unwrap());
        assert!(line["floor"]["samples"].as_f64().is_some(), "{line}");
        let attributes = line["attributes"].as_array().unwrap();
        assert!(attributes.len() == 18 && attributes.contains(&line["farthest"]), "{line}");
    }
    for written in ["results.jsonl", "run/learning.jsonl"] {
        assert_eq!(fs::read_to_string(at.join(written)).unwrap(), first.out, "{written}");
    }

    // What is kept is not drawn again; other samples are.
    let again = xtask(at, command(&["--json", "run"]));
    assert_eq!(again.out, first.out);
    assert!(!again.err.contains("snapshot") && !again.err.contains("real images"), "{}", again.err);
    let plain = xtask(at, command(&["run"]));
    let rows: Vec<_> = plain.out.lines().collect();
    assert_eq!((rows.len(), rows[0]), (5, "run"), "{}", plain.out);
    assert!(rows[1].contains("kimg   seconds   psi        FD"), "{}", plain.out);
    assert!(rows[4].starts_with("floor: "), "{}", plain.out);

    // A folder of what `generate` draws has the same figures.
    let draw = ["generate", "--model", "run", "--seeds", "0-7", "--psi", "0.5", "--out", "drawn"];
    lines(at, draw);
    let drawn = lines(at, ["--json", "eval-learning", "drawn", "--data", "faces:16"]);
    let drawn: Value = serde_json::from_str(&drawn[0]).unwrap();
    for figure in ["fd", "precision", "recall"] {
        let of = |line: &Value| line[figure].as_f64().unwrap();
        let (drawn, measured) = (of(&drawn), of(&printed[1]));
        assert!((drawn - measured).abs() <= 1e-6 * measured, "{figure}: {drawn} {measured}");
    }
    assert_eq!(drawn["attributes"], printed[1]["attributes"]);
    assert!(drawn["kimg"].is_null() && drawn["seconds"].is_null() && drawn["psi"].is_null());
}

#[test]
fn what_the_network_does_not_know_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tiny_model(at);
    refused(&xtask(at, ["eval-learning"]), &["no trained model", "cargo xtask train"]);
    refused(&xtask(at, ["eval-learning", "nowhere"]), &["nowhere", "run's folder"]);
    let other = ["eval-learning", ".", "--data", "sets/cats"];
    refused(&xtask(at, other), &["sets/cats", "bundled faces only", "faces:COUNT"]);
    fs::create_dir_all(at.join("empty/snapshots")).unwrap();
    refused(&xtask(at, ["eval-learning", "empty"]), &["no snapshot of a generator", "empty"]);
    lines(at, ["data", "extract", "faces:6@16", "small"]);
    refused(&xtask(at, ["eval-learning", "small", "--data", "faces:8"]), &["16", "32x32"]);
    refused(&xtask(at, ["eval-learning", "--samples", "3", "small"]), &["--samples"]);
    lines(at, ["data", "extract", "faces:6@32", "few"]);
    refused(
        &xtask(at, ["eval-learning", "few", "--data", "faces:3"]),
        &["at least 4", "faces:COUNT"],
    );
}
