//! The device that a command computes on: `--device cpu`, `--device cuda` or `--device cuda:1`.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use candle_core::Device;
use stylegan_ops::{GpuError, open_gpu};

use crate::failure::Failure;
use crate::libraries;

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The processor.
    Cpu,
    /// A GPU by its number; the first without one, and the one of its own for each of several ranks on a machine.
    Cuda(Option<usize>),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        match typed.split_once(':') {
            None if typed == "cpu" => Ok(Self::Cpu),
            None if typed == "cuda" => Ok(Self::Cuda(None)),
            Some(("cuda", index)) => index
                .parse()
                .map(|index| Self::Cuda(Some(index)))
                .map_err(|_| format!("`{index}` is no number of a GPU, such as cuda:0")),
            _ => Err("devices are cpu, cuda and cuda:N".to_owned()),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(None) => f.write_str("cuda"),
            Self::Cuda(Some(index)) => write!(f, "cuda:{index}"),
        }
    }
}

/// One for the process, as its pool of threads.
static CHOSEN: OnceLock<Device> = OnceLock::new();

/// Opens the device that was typed, for all that follows; `own` is the number of the GPU that is this process's where none was typed.
///
/// # Errors
///
/// When it cannot be used.
pub fn choose(choice: Choice, own: usize) -> Result<(), Failure> {
    let device = match choice {
        Choice::Cpu => Device::Cpu,
        Choice::Cuda(index) => {
            libraries::find().and_then(|()| open_gpu(index.unwrap_or(own))).map_err(failure)?
        }
    };
    CHOSEN.set(device).map_err(|_| Failure::program("the device was chosen twice"))
}

/// The device of this process; the processor unless another one was chosen.
pub fn chosen() -> &'static Device {
    CHOSEN.get_or_init(|| Device::Cpu)
}

/// What to try against everything that keeps a GPU from being used.
pub fn failure(error: GpuError) -> Failure {
    let hint = match &error {
        GpuError::NotBuilt => {
            "build it with `cargo build --release -p xtask --features cuda` (README.md says what that needs), or leave --device away"
        }
        GpuError::Driver(_) => {
            "where NVIDIA's driver is installed, `nvidia-smi` lists the GPUs; --device cpu needs none"
        }
        GpuError::Stub => "the real library, libcuda.so.1, comes with NVIDIA's driver",
        GpuError::Library(_) => {
            "put the folder of CUDA's libraries on LD_LIBRARY_PATH; --device cpu needs none"
        }
        GpuError::NoGpu => {
            "`nvidia-smi` should list one, and CUDA_VISIBLE_DEVICES should not hide it"
        }
        GpuError::Index { .. } => "`nvidia-smi -L` lists the GPUs",
        GpuError::OldDriver { .. } => {
            "install a newer driver, or build the program with an older CUDA toolkit"
        }
        GpuError::Capability { .. } => "GPUs from the Turing generation on can be used",
        GpuError::Cudnn(_) => {
            "put the folder of libcudnn.so.9 on LD_LIBRARY_PATH, or build with --features cuda-without-cudnn"
        }
        GpuError::Bfloat16 { .. } | GpuError::Bfloat16NotBuilt(_) => {
            "--precision float16 computes on every GPU that this program runs on"
        }
        _ => "--device cpu computes without it",
    };
    Failure::user_error(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_written() {
        for choice in
            [Choice::Cpu, Choice::Cuda(None), Choice::Cuda(Some(0)), Choice::Cuda(Some(7))]
        {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(Choice::Cuda(None)));
        assert!("cuda:x".parse::<Choice>().unwrap_err().contains("`x`"));
        assert!("gpu".parse::<Choice>().unwrap_err().contains("cuda:N"));
    }

    #[test]
    fn every_obstacle_is_one_line_with_a_hint_and_the_users() {
        let errors = [
            GpuError::NotBuilt,
            GpuError::Driver("CUDA_ERROR_UNKNOWN".to_owned()),
            GpuError::Stub,
            GpuError::Library("libcublas.so.13: cannot open shared object file".to_owned()),
            GpuError::NoGpu,
            GpuError::Index { index: 3, count: 2 },
            GpuError::OldDriver { found: "12.4".to_owned(), needed: "13.0".to_owned() },
            GpuError::Capability { name: "Tesla P40".to_owned(), found: (6, 1) },
            GpuError::Cudnn("CUDNN_STATUS_NOT_INITIALIZED".to_owned()),
        ];
        for error in errors {
            let failure = failure(error);
            assert_eq!(failure.exit_code(), 1);
            let said = failure.to_string();
            assert_eq!(said.lines().count(), 2, "{said}");
        }
    }
}
