//! `cargo xtask export`: a model of this project in another format.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;
use stylegan_import::{Format, Native};

use super::import::failure;
use crate::failure::{Failure, OrFail};
use crate::model;
use crate::output;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model: a .safetensors file, a run's folder or a snapshot's; the newest run under runs/ unless given
    #[arg(value_name = "MODEL")]
    pub model: Option<PathBuf>,
    /// The format to write
    #[arg(long, value_enum)]
    pub format: As,
    /// The file to write; the model's name under out/ unless given. ONNX makes two of it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum As {
    /// This project's own, written anew
    Safetensors,
    /// Two graphs, of the mapping and of the synthesis network, for any runtime
    Onnx,
    /// A PyTorch file with genforce's names
    GenforcePth,
    /// A numpy archive with the names of stylegan2-ada-pytorch
    AdaNpz,
}

impl As {
    fn format(self) -> Format {
        match self {
            Self::Safetensors => Format::Safetensors,
            Self::Onnx => Format::Onnx,
            Self::GenforcePth => Format::GenforcePth,
            Self::AdaNpz => Format::AdaNpz,
        }
    }
}

/// A line of output.
#[derive(Serialize)]
struct Exported {
    path: PathBuf,
    bytes: u64,
}

/// Writes.
///
/// # Errors
///
/// When there is no model, or the format cannot hold it; nothing is written then.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let path = model::locate(args.model.as_deref(), printer)?;
    let native = Native::open(&path).map_err(failure)?;
    let format = args.format.format();
    printer.note(&format!("{} as {format}", native.model().title()));
    let named = PathBuf::from(output::FOLDER).join(path.file_name().unwrap_or_default());
    let wanted = args.out.clone().unwrap_or_else(|| named.with_extension(format.extension()));
    let out = output::free_path(&wanted, args.force)?;
    for path in native.export(format, &out).map_err(failure)? {
        let bytes = std::fs::metadata(&path).or_user()?.len();
        printer.data(&path.display().to_string(), &Exported { path, bytes })?;
    }
    Ok(())
}
