//! `cargo xtask check-cuda`: whether the code for GPUs compiles, on any machine.
//!
//! Without NVIDIA's toolkit, the compiler of Rust checks and lints everything, and a stand-in for nvcc writes empty files. With the toolkit (`CUDA_HOME` is
//! set), the kernels are compiled as well and the program is linked, for all GPUs from compute capability 7.5 on; it must start without CUDA's libraries.

use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, OrFail};
use crate::printer::Printer;
use crate::tidy;

/// The stand-in, in the workspace.
const STAND_IN: &str = ".ci/nvcc-stand-in";

/// The toolkit's version that bindings are chosen for where there is none, as cudarc writes it.
const VERSION: &str = "13000";

/// The compute capability that candle's own kernels are compiled for.
const CAPABILITY: &str = "75";

/// What is linked.
const PROGRAM: &str = "target/cuda/release/xtask";

/// The libraries that it opens by itself.
const LIBRARIES: [&str; 7] =
    ["libcuda.", "libcublas", "libcurand", "libcudnn", "libcudart", "libnvrtc", "libnccl"];

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Check and lint only, even where there is a toolkit
    #[arg(long)]
    pub lint_only: bool,
}

/// Checks, and links where there is a toolkit.
///
/// # Errors
///
/// When something does not compile, or the linter complains.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let root = tidy::workspace_root();
    printer.note("checking the code for GPUs, with a stand-in for nvcc");
    let mut clippy = cargo(&root, "clippy");
    clippy
        .args(["--locked", "--workspace", "--all-targets", "--features", "xtask/cuda,xtask/nccl"])
        // Of its own: a real build must not find the empty kernels.
        .args(["--target-dir", "target/check-cuda", "--", "--deny", "warnings"])
        .env("NVCC", root.join(STAND_IN))
        .env("CUDARC_CUDA_VERSION", VERSION);
    succeed(clippy, "the code for GPUs does not compile, or the linter complains")?;
    if args.lint_only {
        return Ok(());
    }
    if std::env::var_os("CUDA_HOME").is_none() {
        printer.note("CUDA_HOME is not set: kernels are not compiled, and nothing is linked");
        return Ok(());
    }
    printer.note("compiling the kernels and linking, with the toolkit in CUDA_HOME");
    let mut build = cargo(&root, "build");
    build
        .args(["--locked", "--release", "--package", "xtask", "--features", "cuda"])
        .args(["--target-dir", "target/cuda"]);
    succeed(build, "the program for GPUs cannot be built")?;
    starts_anywhere(&root.join(PROGRAM))?;
    printer.line(PROGRAM)
}

/// The system must not look for CUDA's libraries when it starts the program: see `libraries`.
fn starts_anywhere(program: &Path) -> Result<(), Failure> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    // The loader then lists what it would load, and starts nothing.
    let listed = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output();
    let listed = listed.or_user_with(|| format!("cannot run `{}`", program.display()))?.stdout;
    match library_of_cuda(&String::from_utf8_lossy(&listed)) {
        None => Ok(()),
        Some(library) => {
            Err(Failure::user(format!("the program does not start without {library}"))
                .hint("add the function that it calls to xtask/src/libraries/functions.rs; linkers other than Rust's, the default from 1.90 on, also count what is never called"))
        }
    }
}

/// The first library of CUDA's in the loader's list, which has one library a line, its name first.
fn library_of_cuda(listed: &str) -> Option<&str> {
    let mut names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.find(|name| LIBRARIES.iter().any(|library| name.starts_with(library)))
}

fn cargo(root: &Path, command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg(command).current_dir(root);
    if std::env::var_os("CUDA_COMPUTE_CAP").is_none() {
        cargo.env("CUDA_COMPUTE_CAP", CAPABILITY);
    }
    cargo
}

fn succeed(mut command: Command, otherwise: &str) -> Result<(), Failure> {
    let status = command.status().or_user_with(|| "cannot run `cargo`".to_owned())?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::user(otherwise).hint("the lines above say where"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_cuda_is_found_among_others() {
        let others = "\tlinux-vdso.so.1 (0x7ffd)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f2a)\n";
        assert_eq!(library_of_cuda(others), None);
        let missing = format!("{others}\tlibcudnn.so.9 => not found\n");
        assert_eq!(library_of_cuda(&missing), Some("libcudnn.so.9"));
    }
}
