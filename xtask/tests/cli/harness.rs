//! Running the binary, and small things to run it on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use candle_core::{DType, Device};
use stylegan::{Generator, GeneratorConfig, Parameters, save_generator};

/// What a run of the binary left.
pub struct Ran {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the binary in `folder`, with the cache of all runs in it, so that no weights of this machine take part.
pub fn xtask<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Ran {
    xtask_with(folder, args, &[])
}

/// Runs the binary in `folder` with more environment variables.
pub fn xtask_with<S: AsRef<OsStr>>(
    folder: &Path,
    args: impl IntoIterator<Item = S>,
    variables: &[(&str, PathBuf)],
) -> Ran {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .env("STYLEGAN_CACHE", folder.join("cache"))
        .output()
        .expect("the binary runs");
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the binary and asserts that it ended well; gives the lines of data.
#[track_caller]
pub fn lines<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Vec<String> {
    let ran = xtask(folder, args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.out.lines().map(str::to_owned).collect()
}

/// Asserts that a run ended as the user's mistake, said `said`, ended in a hint, and printed no
/// data.
#[track_caller]
pub fn refused(ran: &Ran, said: &[&str]) {
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

/// Writes a 16x16 generator with noise that shows, six layers, and untrained weights.
pub fn tiny_model(folder: &Path) -> PathBuf {
    tiny_model_of(folder, GeneratorConfig::config_f())
}

/// As [`tiny_model`], of a configuration that is made as small.
pub fn tiny_model_of(folder: &Path, mut config: GeneratorConfig) -> PathBuf {
    config.mapping.z_dim = 8;
    config.mapping.w_dim = 8;
    config.mapping.hidden_dim = 8;
    config.synthesis.w_dim = 8;
    config.synthesis.resolution = 16;
    config.synthesis.fmap_max = 8;
    let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
    Generator::new(&config, parameters.builder()).unwrap();
    for (name, var) in parameters.all() {
        if name.ends_with("noise.weight") || name.ends_with("noise.strength") {
            var.set(&var.ones_like().unwrap()).unwrap();
        }
    }
    let path = folder.join("tiny.safetensors");
    save_generator(&path, &config, &parameters, &BTreeMap::new()).unwrap();
    path
}

/// Width and height of a picture.
pub fn size(path: &Path) -> (u32, u32) {
    image::image_dimensions(path).unwrap()
}

/// Writes `tiny.toml`: 16x16 faces, small networks, 400 images, a tick each 40.
pub fn tiny_config(folder: &Path) {
    let text = "\
        preset = 'faces-32'\n\
        [run]\nname = 'tiny'\ntotal_kimg = 0.4\nsnapshot_ticks = 2\nkeep_snapshots = 0\n\
        grid = [2, 2]\n\
        [data]\nsource = 'faces:64'\n\
        [network]\nresolution = 16\nfmap_base = 64\nfmap_max = 8\n\
        [generator]\nz_dim = 8\nw_dim = 8\nmapping_dim = 8\nmapping_layers = 2\n\
        [schedule]\ntraining_kimg = 0.1\ntransition_kimg = 0.1\nminibatch = 8\n\
        tick_kimg = 0.04\n";
    std::fs::write(folder.join("tiny.toml"), text).unwrap();
}
