//! Evaluations from the command line: results, caches, directions, what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Device};
use stylegan::{Generator, GeneratorConfig, Parameters, save_generator};

use crate::harness::{lines, refused, tiny_config, tiny_model, xtask};

/// A 32x32 generator with untrained weights, as `tiny.safetensors`: VGG16 takes nothing smaller.
fn model_of_32(folder: &Path) {
    let mut config = GeneratorConfig::config_f();
    config.mapping.z_dim = 8;
    config.mapping.w_dim = 8;
    config.mapping.hidden_dim = 8;
    config.synthesis.w_dim = 8;
    config.synthesis.resolution = 32;
    config.synthesis.fmap_max = 8;
    let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
    Generator::new(&config, parameters.builder()).unwrap();
    let path = folder.join("tiny.safetensors");
    save_generator(&path, &config, &parameters, &BTreeMap::new()).unwrap();
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

fn ppl<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let common = [
        "eval-ppl",
        "--model",
        "tiny.safetensors",
        "--pairs",
        "6",
        "--minibatch",
        "4",
        "--no-crop",
    ];
    [&common[..], more].concat()
}

#[test]
fn path_lengths_are_labelled_and_continue_from_their_cache() {
    let folder = tempfile::tempdir().unwrap();
    model_of_32(folder.path());
    let args = ppl(&["--space", "z,w", "--random-features", "3", "--json", "--out", "r.jsonl"]);
    let printed = lines(folder.path(), &args);
    let results: Vec<_> = printed.iter().map(|line| json(line)).collect();
    assert_eq!(results.len(), 2);
    assert_eq!(
        (&results[0]["metric"], &results[1]["metric"]),
        (&"ppl_z_full".into(), &"ppl_w_full".into())
    );
    for result in &results {
        assert!(result["value"].as_f64().unwrap() >= 0.0);
        assert!(result["protocol"].as_str().unwrap().starts_with("stylegan1 (6 pairs"));
        assert_eq!((&result["networks"][0]["random"], &result["samples"]), (&3.into(), &6.into()));
        assert_eq!(result["networks"][1]["checksum"].as_str().unwrap().len(), 64);
    }
    let again = xtask(folder.path(), &args);
    assert!(again.err.contains("2 minibatches of ppl_w_full are in the cache"), "{}", again.err);
    let value = |line: &str| json(line)["value"].clone();
    assert_eq!(
        again.out.lines().map(value).collect::<Vec<_>>(),
        printed.iter().map(|l| value(l)).collect::<Vec<_>>()
    );
    assert_eq!(fs::read_to_string(folder.path().join("r.jsonl")).unwrap().lines().count(), 4);
    let table = lines(folder.path(), ppl(&["--random-features", "3"])).join("\n");
    assert!(table.contains("RANDOM FEATURES: stylegan1"), "{table}");
}

#[test]
fn path_lengths_without_weights_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    model_of_32(folder.path());
    refused(&xtask(folder.path(), ppl(&[])), &["VGG16", "--random-features"]);
    fs::write(folder.path().join("bad.pth"), "no weights").unwrap();
    refused(&xtask(folder.path(), ppl(&["--weights", "vgg16=bad.pth"])), &["bad.pth"]);
    refused(&xtask(folder.path(), ppl(&["--protocol", "stylegan3"])), &["stylegan3"]);
    assert!(!folder.path().join("cache/evaluations").exists(), "nothing is left behind");
    let cropped = ppl(&["--random-features", "1", "--crop"]);
    refused(&xtask(folder.path(), cropped), &["at least 32x32", "--no-crop"]);
}

fn classifiers(folder: &Path) -> Vec<String> {
    let args = ["train-classifiers", "--data", "faces:80@16", "--out", "c", "--kimg", "0.03"];
    let small = ["--batch", "8", "--fmap-base", "32", "--fmap-max", "8", "--json"];
    lines(folder, [&args[..], &small].concat())
}

#[test]
fn separability_from_classifiers_to_directions() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let trained = classifiers(folder.path());
    assert_eq!(trained.len(), 18);
    let hat = json(&trained[6]);
    assert_eq!((&hat["attribute"], &hat["held_out"]), (&"hat".into(), &8.into()));
    assert_eq!(classifiers(folder.path()), trained, "what is there stays");

    let args = [
        "eval-separability",
        "--model",
        "tiny.safetensors",
        "--classifiers",
        "c",
        "--samples",
        "60",
        "--keep",
        "30",
        "--batch",
        "20",
        "--directions",
        "d",
        "--json",
    ];
    let printed = lines(folder.path(), args);
    let results: Vec<_> = printed.iter().map(|line| json(line)).collect();
    assert_eq!((&results[0]["metric"], &results[1]["metric"]), (&"ls_z".into(), &"ls_w".into()));
    for result in &results {
        assert!(result["value"].as_f64().unwrap() >= 1.0, "{result}");
        assert_eq!(result["networks"].as_array().unwrap().len(), 19);
        let details = &result["details"];
        assert!(details["bits of hat"].as_f64().unwrap() <= 1.0);
        let ratios = details.as_object().unwrap().iter();
        let ratios: Vec<_> = ratios.filter(|(name, _)| name.starts_with("nearest apart")).collect();
        assert!(!ratios.is_empty() && ratios.iter().all(|(_, ratio)| ratio.as_f64() > Some(0.0)));
    }
    for space in ["z", "w"] {
        let path = folder.path().join(format!("d/directions-{space}.safetensors"));
        let file = stylegan_checkpoint::load(&path).unwrap();
        assert_eq!((file.tensors.len(), file.metadata["space"].as_str()), (18, space));
        let hat: Vec<f32> = file.tensors["hat"].to_vec1().unwrap();
        assert_eq!(hat.len(), 8);
        assert!((hat.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(file.metadata["hat.accuracy"].parse::<f64>().unwrap() >= 0.5);
    }
    // The normals are directions to edit along, and the classifiers say what an edit changes.
    let edit = ["edit", "--model", "tiny.safetensors", "--seeds", "1-3", "--direction", "hat"];
    let more =
        ["--directions", "d/directions-w.safetensors", "--classifiers", "c", "--strength", "0,4"];
    let edited = json(&lines(folder.path(), edit.iter().chain(&more).chain(&["--json"]))[0]);
    let judged = edited["judged"].as_array().unwrap();
    assert_eq!((judged.len(), &edited["strengths"]), (18, &serde_json::json!([0.0, 4.0])));
    let numbers = |of: &serde_json::Value, key: &str| -> Vec<f64> {
        of[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    for attribute in judged {
        let probability = numbers(attribute, "probability");
        assert!(probability.len() == 2 && probability.iter().all(|p| (0.0..=1.0).contains(p)));
    }
    let moved = |of: &serde_json::Value| {
        let logit = numbers(of, "logit");
        (logit[1] - logit[0]).abs()
    };
    assert!(moved(&judged[0]) > 0.0 && moved(&judged[0]) >= moved(&judged[17]));
    let plain = lines(folder.path(), edit.iter().chain(&more));
    assert_eq!(plain.len(), 1 + 1 + 18, "the picture, the strengths, a line an attribute");

    // Pictures agree with themselves in every attribute.
    let drawn = ["generate", "--model", "tiny.safetensors", "--seeds", "1-3", "--out", "pictures"];
    lines(folder.path(), drawn);
    let compare = ["eval", "--compare", "pictures", "pictures", "--lpips", "none", "--json"];
    let compared = lines(folder.path(), compare.iter().chain(&["--classifiers", "c"]));
    let agreement = json(compared.last().unwrap());
    assert_eq!((&agreement["metric"], &agreement["value"]), (&"agreement".into(), &1.0.into()));
    assert_eq!(agreement["details"]["hat"], 1.0);

    let again = xtask(folder.path(), args);
    assert!(again.err.contains("3 batches are in the cache"), "{}", again.err);
    let value = |line: &str| json(line)["value"].clone();
    assert_eq!(
        again.out.lines().map(value).collect::<Vec<_>>(),
        printed.iter().map(|l| value(l)).collect::<Vec<_>>()
    );

    let keep = [
        "eval-separability",
        "--model",
        "tiny.safetensors",
        "--classifiers",
        "c",
        "--samples",
        "10",
    ];
    refused(&xtask(folder.path(), keep), &["--keep 100000 of 10"]);
    fs::create_dir(folder.path().join("none")).unwrap();
    let none = ["eval-separability", "--model", "tiny.safetensors", "--classifiers", "none"];
    refused(&xtask(folder.path(), none), &["no classifiers in none"]);
}

#[test]
fn one_evaluation_measures_path_length_and_separability() {
    let folder = tempfile::tempdir().unwrap();
    model_of_32(folder.path());
    classifiers(folder.path());
    let args = ["eval", "--metrics", "ppl,ls", "--model", "tiny.safetensors", "--samples", "40"];
    let random = ["--random-features", "3", "--json"];
    let without = xtask(folder.path(), [&args[..], &random].concat());
    refused(&without, &["the metric ls needs classifiers", "--classifiers"]);
    let with = [&args[..], &random, &["--classifiers", "c"]].concat();
    let results: Vec<_> = lines(folder.path(), &with).iter().map(|line| json(line)).collect();
    let names: Vec<_> = results.iter().map(|result| result["metric"].as_str().unwrap()).collect();
    assert_eq!(names, ["ppl_w_full", "ppl_w_end", "ls_z", "ls_w"]);
    assert!(results[3]["protocol"].as_str().unwrap().contains("20 of 40 kept"));
    // The same code as that of the command alone: the same figure.
    let alone = ["eval-ppl", "--model", "tiny.safetensors", "--pairs", "40", "--no-crop"];
    let alone = lines(folder.path(), [&alone[..], &random].concat());
    assert_eq!(json(&alone[0])["value"], results[0]["value"]);
    let pictures = ["eval", "--metrics", "ppl", "--images", "faces:4@32", "--random-features", "3"];
    refused(&xtask(folder.path(), pictures), &["latents", "--model"]);
}

#[test]
fn classifiers_need_labels_and_images() {
    let folder = tempfile::tempdir().unwrap();
    let few = ["train-classifiers", "--data", "faces:10", "--out", "c"];
    refused(&xtask(folder.path(), few), &["10 images are too few"]);
    let nowhere = ["train-classifiers", "--data", "nowhere", "--out", "c2"];
    refused(&xtask(folder.path(), nowhere), &["nowhere"]);
    assert!(!folder.path().join("c2").exists());
}

#[test]
fn training_measures_its_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let args = [
        "train",
        "--config",
        "tiny.toml",
        "--resolution",
        "32",
        "--metrics",
        "ppl_w@0.2,fid@100",
        "--metric-samples",
        "8",
        "--name",
        "tiny",
    ];
    refused(&xtask(folder.path(), args), &["VGG16", "--random-features"]);
    assert!(!folder.path().join("runs").exists(), "no run was begun");
    let random = [&args[..], &["--random-features", "1"]].concat();
    let ran = xtask(folder.path(), random);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("ppl_w (random features)"), "{}", ran.err);
    let run = folder.path().join("runs/00000-tiny");
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(text.lines().count() >= 3, "{text}");
    let last = json(text.lines().last().unwrap());
    assert_eq!((&last["metric"], &last["networks"][0]["random"]), (&"fid".into(), &1.into()));
    assert!(last["protocol"].as_str().unwrap().contains("8 training images"), "{text}");
    assert!(folder.path().join("cache/evaluations").is_dir(), "features of real images are kept");
    assert!(run.join("metrics.png").is_file() && run.join("best.json").is_file());
    let unknown =
        ["train", "--config", "tiny.toml", "--metrics", "beauty@1", "--random-features", "1"];
    refused(&xtask(folder.path(), unknown), &["beauty"]);
}
