//! Devices by name, and the check of a device, on the processor.

use std::fs;
use std::path::Path;

use crate::harness::{lines, refused, xtask};

#[test]
fn a_device_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ran = xtask(folder.path(), ["generate", "--device", "gpu"]);
    refused(&ran, &["gpu", "devices are cpu, cuda and cuda:N"]);
    let ran = xtask(folder.path(), ["--device", "cuda:first", "generate"]);
    refused(&ran, &["`first` is no number of a GPU"]);
}

#[cfg(not(feature = "cuda-without-cudnn"))]
#[test]
fn a_build_for_the_cpu_says_how_to_build_for_a_gpu() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["train", "generate", "bench"] {
        let ran = xtask(folder.path(), [command, "--device", "cuda:0"]);
        refused(&ran, &["built for the CPU alone", "--features cuda"]);
    }
    let ran = xtask(folder.path(), ["gpu-check"]);
    refused(&ran, &["built for the CPU alone"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn the_check_of_a_gpu_passes_on_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    fs::create_dir(folder.path().join("golden")).unwrap();
    for file in ["sg1_g_r32.json", "sg1_g_r32.safetensors"] {
        fs::copy(golden.join(file), folder.path().join("golden").join(file)).unwrap();
    }
    let args = ["gpu-check", "--device", "cpu", "--golden", "golden", "--steps", "6"];
    assert_eq!(lines(folder.path(), args), ["gpu-check.txt"]);
    let report = fs::read_to_string(folder.path().join("gpu-check.txt")).unwrap();
    assert!(!report.contains("FAIL"), "{report}");
    for said in [
        "ok   conv2d 3x3, gradient 1",
        "ok   Adam, beta1 0.9, average of c.weight",
        "ok   golden sg1_g_r32",
        "ok   generator's loss, steps up to 3",
        "compute-sanitizer: left out",
        "ms_per_step",
    ] {
        assert!(report.contains(said), "no `{said}` in:\n{report}");
    }
    let none = ["gpu-check", "--device", "cpu", "--golden", "nowhere", "--only", "golden"];
    refused(&xtask(folder.path(), none), &["nowhere", "--golden"]);
}
