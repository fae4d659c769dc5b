//! Compiles the kernels for NVIDIA's GPUs, where the feature `cuda` asks for them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    cuda::compile();
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The oldest GPUs that are supported: compute capability 7.5. The driver translates their PTX for every later one.
    const OLDEST: usize = 75;

    /// Every `src/*/kernel.cu`, as one text, to `kernels.ptx` in the folder for output.
    pub fn compile() {
        let root = folder("CARGO_MANIFEST_DIR");
        let out = folder("OUT_DIR");
        let (kernels, headers) = sources(&root.join("src"));
        let includes = kernels.iter().map(|path| format!("#include \"{}\"\n", path.display()));
        let all = out.join("kernels.cu");
        fs::write(&all, includes.collect::<String>()).expect("kernels.cu in the folder for output");
        cudaforge::KernelBuilder::new()
            .source_files([&all])
            .watch(kernels.iter().chain(&headers))
            .compute_cap(OLDEST)
            .no_incremental()
            .arg("-O3")
            // The arithmetic of the CPU's kernels, so that random numbers have the same bits.
            .arg("--fmad=false")
            .build_ptx()
            .expect("nvcc compiles the kernels");
    }

    fn folder(variable: &str) -> PathBuf {
        std::env::var_os(variable).map(PathBuf::from).expect("cargo sets its folders")
    }

    /// The kernels, in the order of their folders' names, and what they include.
    fn sources(src: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let folders = fs::read_dir(src).expect("the sources").flatten().map(|entry| entry.path());
        let files = folders.filter(|path| path.is_dir()).flat_map(|folder| {
            fs::read_dir(folder).expect("an operation's folder").flatten().map(|entry| entry.path())
        });
        let (mut kernels, mut headers) = (Vec::new(), Vec::new());
        for path in files {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("cu") => kernels.push(path),
                Some("cuh") => headers.push(path),
                _ => {}
            }
        }
        kernels.sort();
        (kernels, headers)
    }
}
