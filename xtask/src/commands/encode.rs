//! `cargo xtask encode`: images to codes, and what a decoder makes of them.

mod inputs;

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::Tensor;
use serde::Serialize;
use stylegan::Codes;
use stylegan_psp::inject;
use stylegan_trainer::psp::{PspModel, PspTrainError};

use super::bench::peak_memory;
use super::train_psp::psp_failure;
use crate::device;
use crate::drawing::OutArgs;
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::output;
use crate::picture::Picture;
use crate::printer::Printer;
use crate::progress::Progress;
use crate::seeds::Seeds;
use inputs::Inputs;

/// Images at a time; the last batch has what is left.
const BATCH: usize = 8;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The encoder: a .safetensors file, a run's folder or a snapshot's; the newest run's under runs/ unless given
    #[arg(long, value_name = "PATH")]
    pub psp: Option<PathBuf>,
    /// A decoder in place of the encoder's own; a converted encoder needs it
    #[arg(long, value_name = "PATH")]
    pub decoder: Option<PathBuf>,
    /// Images to encode: files, folders, or any other collection; may be given several times
    #[arg(long = "image", value_name = "PATH", required = true, num_args = 1..)]
    pub images: Vec<String>,
    /// Make the task's input of each image first: its drawing, a reduction of it, a hole in it
    #[arg(long)]
    pub derive: bool,
    /// Also draw other outputs for each input, with these styles from elsewhere, such as 4-7
    #[arg(long, value_name = "LIST")]
    pub inject: Option<Seeds>,
    /// How far those styles go from the input's (0) to those from elsewhere (1)
    #[arg(long, default_value_t = 1.0, value_name = "A")]
    pub alpha: f64,
    /// Where the styles come from: a latent a seed, an output a seed
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    pub seeds: Seeds,
    /// The file for the codes; codes.safetensors beside the picture unless given
    #[arg(long, value_name = "FILE")]
    pub codes: Option<PathBuf>,
    /// Where the picture goes.
    #[command(flatten)]
    pub out: OutArgs,
}

/// The last line of output.
#[derive(Serialize)]
struct Encoded {
    picture: PathBuf,
    codes: PathBuf,
    images: usize,
    /// The mean squared difference of images and outputs, where they can be compared.
    l2: Option<f64>,
    seconds_an_image: f64,
}

/// Encodes, draws and writes.
///
/// # Errors
///
/// When the encoder, the decoder or an image cannot be used, or a file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    if !(0.0..=1.0).contains(&args.alpha) {
        return Err(Failure::user(format!("--alpha is from 0 to 1, not {}", args.alpha))
            .hint("0 keeps the input's styles, 1 replaces them"));
    }
    let path = model::locate_psp(args.psp.as_deref(), printer)?;
    let decoder = args.decoder.as_deref().map(|p| model::locate(Some(p), printer)).transpose()?;
    let psp = PspModel::open(&path, decoder.as_deref(), device::chosen()).map_err(psp_failure)?;
    printer.note(&format!("encoder: {}, for {}", path.display(), psp.task()));
    let layers = layers(args, &psp)?;
    let inputs = Inputs::open(&args.images, &psp, args.derive, printer)?;
    let mut progress = Progress::new(printer, inputs.len() as u64, "images");
    let (mut codes, mut columns) = (Vec::new(), Vec::new());
    let (mut seconds, mut differences) = (0.0, Vec::new());
    for start in (0..inputs.len()).step_by(BATCH) {
        let count = BATCH.min(inputs.len() - start);
        let batch = inputs.batch(start, count)?;
        let begun = std::time::Instant::now();
        let found = psp.encode(&batch.encoded).map_err(psp_failure)?;
        seconds += begun.elapsed().as_secs_f64();
        let output = psp.decode(&found).map_err(psp_failure)?;
        differences.extend(batch.differences(&output)?);
        let mut rows = vec![batch.shown, output];
        for &seed in args.seeds.0.iter().filter(|_| !layers.is_empty()) {
            let mixed = inject(&found, &elsewhere(&psp, seed, count)?, &layers, args.alpha);
            let mixed = mixed.map_err(|error| psp_failure(PspTrainError::Psp(error)))?;
            rows.push(psp.decode(&mixed).map_err(psp_failure)?);
        }
        columns.push(rows);
        codes.push(found);
        progress.advance(count as u64);
    }
    drop(progress);
    let picture = strip(&columns)?.enlarged(args.out.enlarge.into());
    let out = args.out.path("encoded.png")?;
    let codes_path = args.codes.clone().unwrap_or_else(|| out.with_file_name("codes.safetensors"));
    let codes_path = output::free_path(&codes_path, args.out.force)?;
    picture.save(&out)?;
    let codes = Codes {
        ws: Tensor::cat(&codes, 0)?,
        model: psp.decoder_fingerprint().to_owned(),
        names: inputs.names().to_vec(),
        noise: BTreeMap::new(),
        labels: None,
    };
    let extra = BTreeMap::from([("stylegan.codes.task".to_owned(), psp.task().to_string())]);
    codes
        .save(&codes_path, &extra)
        .or_user()
        .map_err(|f| f.hint("name another file with --codes"))?;
    let l2 = (!differences.is_empty())
        .then(|| differences.iter().sum::<f64>() / differences.len() as f64);
    let encoded = Encoded {
        picture: out,
        codes: codes_path,
        images: inputs.len(),
        l2,
        seconds_an_image: seconds / inputs.len().max(1) as f64,
    };
    if let Some(l2) = l2 {
        printer.note(&format!("mean squared difference of images and outputs: {l2:.4}"));
    }
    let memory = match peak_memory() {
        Some(bytes) => format!(", and {:.0} MB of memory at most", bytes / 1e6),
        None => String::new(),
    };
    printer.note(&format!("encoding took {:.3} s an image{memory}", encoded.seconds_an_image));
    let plain = format!("{}\n{}", encoded.picture.display(), encoded.codes.display());
    printer.data(&plain, &encoded)
}

/// The styles to inject, checked against the decoder.
fn layers(args: &Args, psp: &PspModel) -> Result<Vec<usize>, Failure> {
    let styles = psp.decoder().num_layers();
    let Some(Seeds(typed)) = &args.inject else { return Ok(Vec::new()) };
    let index = |&layer: &u64| {
        let layer = usize::try_from(layer).unwrap_or(usize::MAX);
        if layer < styles {
            return Ok(layer);
        }
        let error = stylegan_psp::PspError::Layer { layer, styles };
        Err(psp_failure(PspTrainError::Psp(error)))
    };
    typed.iter().map(index).collect()
}

/// The styles of one seed, for every image.
fn elsewhere(psp: &PspModel, seed: u64, count: usize) -> Result<Tensor, Failure> {
    let decoder = psp.decoder();
    let z = stylegan::latents(&[seed], decoder.config().mapping.z_dim, device::chosen())?;
    let w = decoder.map(&z, decoder.labels_of_seeds(&[seed])?.as_ref())?;
    let styles = decoder.broadcast(&w)?;
    Ok(styles.repeat((count, 1, 1))?)
}

/// A column an image: the input, the output, and the other outputs under it.
fn strip(columns: &[Vec<Tensor>]) -> Result<Picture, Failure> {
    let rows = columns.first().map_or(0, Vec::len);
    let mut places = Vec::new();
    let mut width = 0;
    for row in 0..rows {
        let before = places.len();
        for column in columns {
            places.extend(Picture::from_tensor(&column[row])?.into_iter().map(Some));
        }
        width = places.len() - before;
    }
    Ok(Picture::grid(&places, width))
}
