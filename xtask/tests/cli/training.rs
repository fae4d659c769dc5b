//! Training from the command line: what a run leaves, how it is resumed, what is refused.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use stylegan_trainer::run_dir::RunDir;

use crate::harness::{lines, refused, tiny_config, xtask};

const GENERATOR: &str = "generator-ema.safetensors";

/// Arguments that train for about a second.
fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "--config", "tiny.toml"], more].concat()
}

/// The run's snapshots, oldest first.
fn snapshots(run: &Path) -> Vec<String> {
    let entries = fs::read_dir(run.join("snapshots")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Starts training and waits for the `ticks`-th report.
fn started(folder: &Path, args: &[&str], ticks: usize) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .arg("--json")
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut reports = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..ticks {
        let report = reports.next().expect("the run goes on").unwrap();
        serde_json::from_str::<serde_json::Value>(&report).unwrap();
    }
    // The pipe stays open while the child runs.
    std::thread::spawn(move || reports.for_each(drop));
    child
}

#[test]
fn a_run_leaves_its_files_and_generate_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let printed = lines(folder.path(), tiny(&[]));
    let run = folder.path().join("runs/00000-tiny");
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert!(printed[0].starts_with("runs/00000-tiny/snapshots/"), "{printed:?}");
    assert!(folder.path().join(&printed[0]).is_file());
    for name in ["config.toml", "log.txt", "stats.jsonl", "reals.png", "fakes-000000.png"] {
        assert!(run.join(name).is_file(), "{name}");
    }
    let stats = fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(stats.lines().last().unwrap()).unwrap();
    assert_eq!((&last["images"], &last["lod"]), (&400.into(), &0.0.into()));

    let drawn = xtask(folder.path(), ["generate", "--seeds", "0-3", "--grid"]);
    assert_eq!((drawn.code, drawn.out.as_str()), (Some(0), "out/grid.png\n"), "{}", drawn.err);
    assert!(drawn.err.contains("model: runs/00000-tiny/snapshots/"), "{}", drawn.err);
    // A second run gets the next number, and is found from then on.
    lines(folder.path(), tiny(&["--kimg", "0.05", "--seed", "1"]));
    let drawn = xtask(folder.path(), ["generate", "--seeds", "0-3", "--grid"]);
    assert!(drawn.err.contains("model: runs/00001-tiny/"), "{}", drawn.err);
    assert!(drawn.err.contains("still grows: images are 8x8"), "{}", drawn.err);
}

#[test]
fn killed_and_started_again_a_run_ends_with_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let whole = lines(folder.path(), tiny(&["--run", "whole", "--threads", "2"]));

    let args = tiny(&["--run", "killed", "--threads", "1"]);
    let mut child = started(folder.path(), &args, 5);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the run ended before it was killed");
    let resumed = xtask(folder.path(), ["train", "--run", "killed", "--threads", "2"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.err);
    assert!(resumed.err.contains("resumed at"), "{}", resumed.err);

    let snapshot = Path::new(&whole[0]).parent().unwrap();
    let other = Path::new(resumed.out.trim()).parent().unwrap();
    let files = ["generator", "generator-ema", "discriminator", "optimizer-g", "optimizer-d"];
    for name in files.map(|name| format!("{name}.safetensors")) {
        let read = |snapshot: &Path| fs::read(folder.path().join(snapshot).join(&name)).unwrap();
        assert!(read(snapshot) == read(other), "{name} differs");
    }
    let stats = |run: &str| {
        let text = fs::read_to_string(folder.path().join(run).join("stats.jsonl")).unwrap();
        let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines()
            .map(record)
            .map(|r| (r["images"].clone(), r["generator_loss"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(stats("whole"), stats("killed"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_snapshot_and_ends_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let mut child = started(folder.path(), &tiny(&["--run", "run", "--kimg", "1000"]), 3);
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let run = folder.path().join("run");
    let stopped_at = snapshots(&run).pop().unwrap();
    assert!(run.join("snapshots").join(stopped_at).join(GENERATOR).is_file());
    let resumed = xtask(folder.path(), ["train", "--run", "run", "--kimg", "0.1"]);
    assert!(resumed.err.contains("resumed at"), "{}", resumed.err);
}

#[test]
fn a_run_that_another_process_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    let run = folder.path().join("run");
    let held = RunDir::at(&run).unwrap();
    refused(&xtask(folder.path(), tiny(&["--run", "run"])), &["in use by another run"]);
    drop(held);
    lines(folder.path(), tiny(&["--run", "run", "--kimg", "0.05"]));
    let _held = RunDir::at(&run).unwrap();
    refused(&xtask(folder.path(), ["train", "--run", "run"]), &["in use by another run"]);
}

#[test]
fn snapshots_that_do_not_fit_or_are_damaged_are_named() {
    let folder = tempfile::tempdir().unwrap();
    tiny_config(folder.path());
    lines(folder.path(), tiny(&["--run", "run", "--kimg", "0.05"]));
    let again = |more: &[&str]| {
        xtask(folder.path(), [&["train", "--run", "run", "--kimg", "0.1"], more].concat())
    };
    let before = fs::read(folder.path().join("run/config.toml")).unwrap();
    refused(&again(&["--set", "network.fmap_max=4"]), &["does not fit the configuration"]);
    refused(&again(&["--data", "faces:32@16"]), &["trained with other images"]);
    assert_eq!(fs::read(folder.path().join("run/config.toml")).unwrap(), before, "overwritten");

    let snapshot =
        folder.path().join("run/snapshots").join(&snapshots(&folder.path().join("run"))[0]);
    let file = snapshot.join("discriminator.safetensors");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    refused(&again(&[]), &["discriminator.safetensors is truncated"]);
    refused(&xtask(folder.path(), ["generate", "--model", "run"]), &["no model in the folder"]);
}

#[test]
fn configurations_that_cannot_be_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let train = |args: &[&str]| xtask(folder.path(), [&["train"], args].concat());
    let refuse = |args: &[&str], said: &[&str]| refused(&train(args), said);
    refuse(&["--resolution", "48"], &["48", "power of two"]);
    refuse(&["--preset", "face-32"], &["unknown preset `face-32`", "did you mean `faces-32`"]);
    refuse(&["--set", "loss.r1_gama=2"], &["`loss.r1_gama`", "did you mean `loss.r1_gamma`"]);
    refuse(&["--set", "loss.r1_gamma=much"], &["loss.r1_gamma"]);
    refuse(&["--set", "loss.r1_gamma"], &["section.key=value"]);
    refuse(&["--kimg=-1"], &["run.total_kimg"]);
    refuse(
        &["--precision", "bfloat16", "--resolution", "16"],
        &["`precision.half_blocks` is 4", "have 3 blocks"],
    );
    refuse(&["--kimg", "0"], &["run.total_kimg"]);
    refuse(&["--config", "nowhere.toml"], &["nowhere.toml"]);
    fs::write(folder.path().join("mine.toml"), "[schedule]\nminibach = 8\n").unwrap();
    let said = ["mine.toml", "`schedule.minibach`", "did you mean `schedule.minibatch`"];
    refuse(&["--config", "mine.toml"], &said);
    fs::write(folder.path().join("mine.toml"), "[schedule\n").unwrap();
    refuse(&["--config", "mine.toml"], &["mine.toml", "line 1"]);
    refuse(&["--name", "a/b"], &["run.name"]);
    assert!(!folder.path().join("runs").exists(), "a run was begun");
}

#[test]
fn a_dry_run_prints_the_whole_configuration_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "train",
        "--preset",
        "ffhq-1024",
        "--set",
        "loss.r1_gamma=7",
        "--precision",
        "float16",
        "--dry-run",
    ];
    let plain = lines(folder.path(), args).join("\n");
    let config = stylegan_trainer::config::TrainConfig::from_toml(&plain).unwrap();
    assert_eq!((config.network.resolution, config.loss.r1_gamma), (1024, 7.0));
    let json = lines(folder.path(), args.iter().chain(&["--json"])).join("");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["loss"]["r1_gamma"], 7.0);
    assert_eq!(json["precision"]["dtype"], "float16");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_run_on_ones_own_images_sizes_itself_and_says_how() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    lines(at, ["data", "extract", "faces:24@64", "mine"]);
    let dry =
        |more: &[&str]| xtask(at, ["train", "--data", "mine", "--dry-run"].iter().chain(more));
    let ran = dry(&["--kimg", "200"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for part in
        ["64 x 64 pixels, in colour", "200 kimg: as asked", "warning: 24 images are very few"]
    {
        assert!(ran.err.contains(part), "{}", ran.err);
    }
    for key in ["name = \"mine-64\"", "fmap_base = 1024", "mode = \"ada\"", "total_kimg = 200.0"] {
        assert!(ran.out.contains(key), "{key}: {}", ran.out);
    }
    let ran = dry(&["--kimg", "200", "--resolution", "128"]);
    assert!(ran.err.contains("the smallest image has 64 x 64 pixels"), "{}", ran.err);
    refused(&dry(&["--hours", "0"]), &["--hours 0", "--hours 0.5"]);
    let ran = xtask(at, ["train", "--data", "nowhere", "--dry-run"]);
    refused(&ran, &["no data set at nowhere"]);
    assert!(!at.join("runs").exists());
}
