//! `cargo xtask eval-learning`: how near a run's faces came to the bundled ones, snapshot by snapshot.

mod kept;
mod measure;
mod target;

use std::path::PathBuf;

use crate::drawing::psi;
use crate::evaluating::append;
use crate::failure::Failure;
use crate::printer::Printer;
use kept::Record;
use measure::Measuring;
use target::Target;

/// What was typed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Runs' folders, of which every snapshot is measured, or collections of pictures such as folders; the newest run under runs/
    /// unless given
    #[arg(value_name = "RUN_OR_PICTURES")]
    pub targets: Vec<PathBuf>,
    /// Images to draw of each snapshot, those of the seeds from 0 on: 2000 unless given. Figures compare only where it is the same. Of
    /// collections it is the most that are looked at: 10000 unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..))]
    pub samples: Option<u32>,
    /// Truncation psi: each snapshot is measured at all of these
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,0.7", value_parser = psi, allow_hyphen_values = true)]
    pub psi: Vec<f64>,
    /// The real images: bundled faces, as faces:COUNT
    #[arg(long, value_name = "SRC", default_value = "faces:10000")]
    pub data: String,
    /// Images that are drawn and looked at together
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
    /// Append results to this file as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where features of real images are kept; `evaluations` in the cache of all runs unless given
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
///
/// When there are no images or they do not fit; what an interrupted evaluation has measured of runs is kept in their folders.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let targets = Target::all(&args.targets, printer)?;
    let mut measuring = Measuring::new(args, printer)?;
    let mut floor = None;
    for target in &targets {
        let mut headed = printer.json();
        measuring.measure(target, &mut |record| {
            if !std::mem::replace(&mut headed, true) {
                printer.line(&target.path().display().to_string())?;
                printer.line(&Record::heading())?;
            }
            floor = Some((record.key.samples, record.floor));
            if let Some(path) = &args.out {
                let line = serde_json::to_string(record).map_err(Failure::program)?;
                append(path, &(line + "\n"))?;
            }
            printer.data(&record.row(), record)
        })?;
    }
    match floor {
        Some((samples, floor)) if !printer.json() => printer.line(&floor.said(samples)),
        _ => Ok(()),
    }
}
