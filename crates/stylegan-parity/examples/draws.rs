//! Writes the random numbers of a golden case of whole StyleGAN2 training steps, which another implementation has to be given:
//!
//! ```sh
//! cargo run --release -p stylegan-parity --example draws -- CASE.json DRAWS.safetensors
//! ```

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context;
use stylegan_parity::training_draws;
use stylegan_testkit::golden::Case;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let usage = "give the case's description and the file to write";
    let (case, file) = arguments.next().zip(arguments.next()).context(usage)?;
    let drawn: HashMap<String, _> = training_draws(&Case::open(&case)?)?.into_iter().collect();
    candle_core::safetensors::save(&drawn, file)?;
    Ok(())
}
