//! `cargo xtask truncate`: the truncation trick at several strengths (Karras et al. 2019, figure
//! 8): a row a seed, a column a psi.

use candle_core::Tensor;
use serde::Serialize;

use crate::drawing::{Artist, ModelArgs, OutArgs, psi};
use crate::failure::Failure;
use crate::picture::Picture;
use crate::printer::Printer;
use crate::seeds::Seeds;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Seeds of the rows
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    pub seeds: Seeds,
    /// Truncation psi of each column
    #[arg(
        long,
        value_name = "LIST",
        default_value = "1,0.7,0.5,0,-0.5,-1",
        value_delimiter = ',',
        value_parser = psi,
        allow_hyphen_values = true
    )]
    pub psi: Vec<f64>,
    /// Truncate the layers below this index only; all layers unless given, as in the paper's figure
    #[arg(long, value_name = "LAYER")]
    pub cutoff: Option<usize>,
    /// Where to.
    #[command(flatten)]
    pub out: OutArgs,
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a std::path::Path,
    seeds: &'a [u64],
    psi: &'a [f64],
}

/// Draws and writes.
///
/// # Errors
///
/// When there is no model, or the file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let artist = Artist::open(&args.model, printer)?;
    let seeds = &args.seeds.0;
    let styles = artist.styles(seeds)?;
    let mut all = Vec::with_capacity(seeds.len() * args.psi.len());
    let mut noise_seeds = Vec::with_capacity(all.capacity());
    for (index, &seed) in seeds.iter().enumerate() {
        let style = styles.narrow(0, index, 1)?;
        for &psi in &args.psi {
            all.push(artist.generator().truncate(&style, psi, args.cutoff)?);
            noise_seeds.push(seed);
        }
    }
    let pictures = artist.draw(&Tensor::cat(&all, 0)?, &noise_seeds, printer)?;
    let places: Vec<_> = pictures.into_iter().map(Some).collect();
    let picture = Picture::grid(&places, args.psi.len()).enlarged(args.out.enlarge.into());
    let path = args.out.path("truncation.png")?;
    picture.save(&path)?;
    let written = Written { path: &path, seeds, psi: &args.psi };
    printer.data(&path.display().to_string(), &written)
}
