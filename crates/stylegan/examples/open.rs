//! How long a generator takes to open: `cargo run --release -p stylegan --example open model.safetensors`.

use std::path::Path;
use std::time::Instant;

use candle_core::Device;

fn main() -> Result<(), stylegan::ModelError> {
    for path in std::env::args().skip(1) {
        let started = Instant::now();
        let generator = stylegan::load_generator(Path::new(&path), &Device::Cpu)?;
        let seconds = started.elapsed().as_secs_f64();
        let resolution = generator.config().synthesis.resolution;
        #[allow(clippy::print_stdout, reason = "an example talks to its reader")]
        {
            println!("{path}: {resolution}x{resolution}, open after {seconds:.3} s");
        }
    }
    Ok(())
}
