//! Training in two processes over MPI, as `mpirun` starts them, against one process.

#![allow(clippy::unwrap_used, reason = "the helpers of tests panic as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use candle_core::{Device, Tensor};

/// StyleGAN2 on 16x16 faces, 16 a batch, with R1 and path length in the first step. Adam's steps are made smooth: the sign of a gradient that is next to nothing
/// would otherwise decide what the next network is shown.
const CONFIG: &str = "\
    preset = 'faces-32-sg2'\n\
    [run]\nname = 'tiny'\ngrid = [2, 2]\nsnapshot_ticks = 1\nkeep_snapshots = 0\n\
    [data]\nsource = 'faces:64'\n\
    [network]\nresolution = 16\nfmap_base = 64\nfmap_max = 8\n\
    [generator]\nz_dim = 8\nw_dim = 8\nmapping_dim = 8\nmapping_layers = 2\nuse_noise = false\n\
    upscale = 'in_convolution'\n\
    [discriminator]\ndownscale = 'in_convolution'\nlabel_head = 'switch'\n\
    [loss]\ngenerator = 'non_saturating'\ndiscriminator = 'logistic'\nr1_gamma = 1.5\nr2_gamma = 0\n\
    penalty_interval = 4\npath_length_weight = 2\n\
    [optimizer]\nrampdown_kimg = 0\nepsilon = 1\n\
    [schedule]\nminibatch = 16\n\
    minibatch_at = {}\npart_at = {}\ntick_kimg_at = {}\ntick_kimg = 1\n";

/// A folder with the configuration.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tiny.toml"), CONFIG).unwrap();
    folder
}

/// The program in `folder`, on so many ranks; each of them leaves its process number in `pid-RANK`, and its exit code in `code-RANK`.
fn ranks(count: usize, folder: &Path, args: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_xtask");
    let mut command = if count == 1 {
        let mut command = Command::new(program);
        command.args(args.split(' '));
        command
    } else {
        let mut command = Command::new("mpirun");
        // A machine may have fewer cores; the launcher leaves it to the ranks to end each other.
        command.args(["-n", &count.to_string(), "--oversubscribe", "--enable-recovery"]);
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        let line = format!(
            "rank=$OMPI_COMM_WORLD_RANK; '{program}' {args} & echo $! > pid-$rank; \
             wait $!; code=$?; echo $code > code-$rank; exit $code"
        );
        command.args(["sh", "-c", &line]);
        command
    };
    command.current_dir(folder).env("STYLEGAN_CACHE", folder.join("cache"));
    command
}

/// Trains to `kimg` thousand images in the run `run`, in parts of `part` images.
#[track_caller]
fn train(count: usize, folder: &Path, run: &str, kimg: &str, part: usize) -> Output {
    let args = format!(
        "train --config tiny.toml --run {run} --kimg {kimg} --set schedule.part={part} --threads 1"
    );
    let output = ranks(count, folder, &args).output().expect("mpirun is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{count} ranks: {said}");
    output
}

/// The exit code of a rank.
fn code(folder: &Path, rank: usize) -> String {
    fs::read_to_string(folder.join(format!("code-{rank}"))).unwrap().trim().to_owned()
}

/// All tensors of a run's last snapshot, by file and name.
fn snapshot(run: &Path) -> BTreeMap<String, Tensor> {
    let mut folders: Vec<_> =
        fs::read_dir(run.join("snapshots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut all = BTreeMap::new();
    for file in fs::read_dir(folders.last().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "safetensors") {
            let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
            let tensors = stylegan_checkpoint::load_on(&file, &Device::Cpu).unwrap().tensors;
            all.extend(
                tensors.into_iter().map(|(name, tensor)| (format!("{stem} {name}"), tensor)),
            );
        }
    }
    all
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_dtype(candle_core::DType::F32).unwrap().to_vec1().unwrap()
}

/// The gradients of a run's only step: Adam's second moment is then their square, but for a factor that is the same for all.
fn gradients(run: &Path) -> BTreeMap<String, Vec<f32>> {
    let moments = snapshot(run).into_iter().filter(|(name, _)| name.ends_with(".v"));
    moments.map(|(name, v)| (name, values(&v.sqrt().unwrap()))).collect()
}

/// The largest difference of a tensor's values, as a share of its largest value.
fn largest_difference(one: &BTreeMap<String, Vec<f32>>, two: &BTreeMap<String, Vec<f32>>) -> f32 {
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    let differences = one.iter().map(|(name, one)| {
        let largest = one.iter().fold(f32::MIN_POSITIVE, |most, x| most.max(x.abs()));
        let difference = one.iter().zip(&two[name]).map(|(a, b)| (a - b).abs());
        difference.fold(0.0, f32::max) / largest
    });
    differences.fold(0.0, f32::max)
}

#[test]
fn two_ranks_find_the_gradients_of_one_with_the_joined_batch() {
    let folder = folder();
    let path = folder.path();
    // Two parts a rank: sums are taken in another order.
    train(1, path, "one", "0.016", 4);
    let output = train(2, path, "two", "0.016", 4);
    let difference =
        largest_difference(&gradients(&path.join("one")), &gradients(&path.join("two")));
    println!("largest relative difference of a gradient on two ranks: {difference:.1e}");
    assert!(difference <= 1e-5, "{difference}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1, "one rank prints");

    // One part a rank: the very bits.
    train(1, path, "one-part", "0.016", 8);
    train(2, path, "two-parts", "0.016", 8);
    let (one, two) = (snapshot(&path.join("one-part")), snapshot(&path.join("two-parts")));
    assert_eq!(one.len(), two.len());
    for (name, tensor) in one {
        assert_eq!(values(&tensor), values(&two[&name]), "{name}");
    }
}

#[test]
fn a_run_goes_on_with_other_numbers_of_ranks() {
    let folder = folder();
    let path = folder.path();
    train(1, path, "whole", "0.096", 8);
    for (count, kimg) in [(2, "0.032"), (1, "0.064"), (2, "0.096")] {
        train(count, path, "changed", kimg, 8);
    }
    let (whole, changed) = (snapshot(&path.join("whole")), snapshot(&path.join("changed")));
    assert_eq!(whole.len(), changed.len());
    for (name, tensor) in whole {
        assert_eq!(values(&tensor), values(&changed[&name]), "{name}");
    }
}

#[test]
fn a_rank_that_is_killed_ends_the_other_with_a_message() {
    let folder = folder();
    let path = folder.path();
    let args = "train --config tiny.toml --run run --kimg 1000 --set schedule.tick_kimg=0.032 --threads 1 --json";
    let mut ranks = ranks(2, path, args);
    let mut child = ranks.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A report, so that the run is under way.
    let mut reports = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(reports.next().unwrap().unwrap().starts_with('{'));
    let pid = fs::read_to_string(path.join("pid-1")).unwrap();
    assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    reports.for_each(drop);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(path, 0), "1", "{said}");
    assert_eq!(said.matches("error: rank 1 was lost").count(), 1, "{said}");
    assert!(said.contains("`cargo xtask train --run run` goes on"), "{said}");
}

#[test]
fn a_batch_that_cannot_be_shared_is_refused_once() {
    let folder = folder();
    let output =
        ranks(3, folder.path(), "train --config tiny.toml --run run --kimg 1 --threads 1").output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!([0, 1, 2].map(|rank| code(folder.path(), rank)), ["1"; 3], "{said}");
    assert_eq!(said.matches("16 images a batch").count(), 1, "{said}");
    assert!(said.contains("schedule.minibatch"), "{said}");
}
