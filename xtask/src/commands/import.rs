//! `cargo xtask import`: another program's checkpoint as a model of this project, with a proof.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use clap::ValueEnum;
use serde::Serialize;
use stylegan::GenerateOptions;
use stylegan_checkpoint::pickle::Document;
use stylegan_import::{Contents, ImportError, Model, Network, Role};
use stylegan_ops::downsample_box2d;

use crate::device;
use crate::failure::{Failure, OrFail};
use crate::memory;
use crate::model;
use crate::output;
use crate::picture::Picture;
use crate::printer::Printer;

/// Seeds of the proof's latents.
const SEEDS: [u64; 4] = [0, 1, 2, 3];

/// The largest side of a picture in the proof.
const LARGEST: usize = 256;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A checkpoint: .pkl, .pth, .pt, .model; what it is, is told from its contents. Nothing in it is run
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which of its networks; the averaged generator where there is one, unless given
    #[arg(long, value_enum)]
    pub which: Option<Which>,
    /// The model to write; the file's name with .safetensors under out/ unless given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over files that are there, instead of numbering the new ones
    #[arg(long)]
    pub force: bool,
}

/// A network of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The generator whose weights are averaged: the one to draw with
    Ema,
    /// The generator as it is trained
    G,
    /// The discriminator, or a classifier of its shape
    D,
    /// An encoder of images
    Encoder,
    /// A network whose features are looked at
    Features,
}

impl Which {
    fn role(self) -> Role {
        match self {
            Self::Ema => Role::Ema,
            Self::G => Role::Generator,
            Self::D => Role::Discriminator,
            Self::Encoder => Role::Encoder,
            Self::Features => Role::Features,
        }
    }
}

/// The line of output.
#[derive(Serialize)]
struct Imported<'a> {
    path: &'a Path,
    dialect: String,
    network: String,
    model: String,
    tensors: usize,
    /// Of all names and numbers.
    checksum: String,
    picture: Option<PathBuf>,
    /// Of the picture's bytes.
    picture_checksum: Option<String>,
    notes: &'a [String],
}

/// Converts, writes, and draws from what was written.
///
/// # Errors
///
/// When the file cannot be read, is not known or does not fit; nothing is written then.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let document = open(&args.file)?;
    let contents = Contents::of(&document).map_err(failure)?;
    let network = chosen(&contents, args.which).map_err(failure)?;
    let converted = contents.convert(network).map_err(failure)?;
    let (dialect, role) = (contents.dialect.to_string(), network.role.to_string());
    printer.note(&format!("{dialect}: {role}, {}", converted.model.title()));
    for note in &converted.notes {
        printer.note(&format!("note: {note}"));
    }
    let name = args.file.with_extension("safetensors");
    let name = Path::new(output::FOLDER).join(name.file_name().unwrap_or_default());
    let path = output::free_path(args.out.as_deref().unwrap_or(&name), args.force)?;
    converted.save(&path).map_err(failure)?;
    let checksum = checksum(&converted.tensors)?;
    let count = converted.tensors.len();
    let (model, notes) = (converted.model.title(), converted.notes.clone());
    let drawable = matches!(converted.model, Model::Generator(_));
    // The proof needs memory of its own, and nothing of the file any more.
    drop(converted);
    drop(contents);
    drop(document);
    memory::give_back();
    let proof = if drawable { Some(prove(&path, args.force, printer)?) } else { None };
    printer.note(&format!("{count} tensors, checksum {checksum}"));
    let (picture, picture_checksum) = proof.unzip();
    let imported = Imported {
        path: &path,
        dialect,
        network: role,
        model,
        tensors: count,
        checksum,
        picture,
        picture_checksum,
        notes: &notes,
    };
    printer.data(&path.display().to_string(), &imported)
}

/// Opens a pickle or PyTorch file.
///
/// # Errors
///
/// When it is none, is damaged, or wants to run something.
pub fn open(path: &Path) -> Result<Document, Failure> {
    Document::open(path).or_user().map_err(|failure| {
        failure
            .hint("a checkpoint holds numbers only; get the file again from where it is published")
    })
}

/// Whose mistake an error of importing is, and what to try.
pub fn failure(error: ImportError) -> Failure {
    let hint = match &error {
        ImportError::Unknown { .. } => "docs/dialects.md lists the files that are known",
        ImportError::NoSuchNetwork { .. } => "name another of its networks with --which",
        ImportError::Mismatch { .. } => {
            "the file is of another version or configuration than its names say"
        }
        ImportError::Unsupported { .. } | ImportError::Inexpressible { .. } => {
            "docs/dialects.md says what can be converted"
        }
        ImportError::NotAModel { .. } => "`cargo xtask inspect FILE` shows what a file holds",
        ImportError::Compute(_) => return Failure::program(error),
        _ => "check that the file is whole, and that the disk has room",
    };
    Failure::user_error(error).hint(hint)
}

/// The network that was asked for, or the first there is in the order of the roles.
fn chosen<'a, 'b>(
    contents: &'a Contents<'b>,
    which: Option<Which>,
) -> Result<&'a Network<'b>, ImportError> {
    if let Some(which) = which {
        return contents.network(which.role());
    }
    let order = [Role::Ema, Role::Generator, Role::Encoder, Role::Discriminator];
    let first = order.into_iter().find_map(|role| contents.network(role).ok());
    first.map_or_else(|| contents.network(Role::Features), Ok)
}

/// A checksum of all names, shapes and numbers, the same on every machine.
fn checksum(tensors: &BTreeMap<String, Tensor>) -> Result<String, Failure> {
    let mut hasher = crc32fast::Hasher::new();
    for (name, tensor) in tensors {
        hasher.update(name.as_bytes());
        tensor.dims().iter().for_each(|dim| hasher.update(&(*dim as u64).to_le_bytes()));
        for value in tensor.flatten_all()?.to_vec1::<f32>()? {
            hasher.update(&value.to_le_bytes());
        }
    }
    Ok(format!("{:08x}", hasher.finalize()))
}

/// Draws from the file that was written, and checks that there is a picture.
fn prove(model: &Path, force: bool, printer: Printer) -> Result<(PathBuf, String), Failure> {
    let generator = model::open_generator(model, device::chosen())?;
    let config = generator.config();
    let label_dim = config.mapping.label_dim;
    // Large pictures take long, and one is proof enough.
    let count = if config.synthesis.resolution > LARGEST { 1 } else { SEEDS.len() };
    let z = stylegan::latents(&SEEDS[..count], config.mapping.z_dim, device::chosen())?;
    let labels = if label_dim > 0 {
        let first: Vec<f32> = (0..label_dim).map(|index| f32::from(index == 0)).collect();
        Some(Tensor::new(first, device::chosen())?.unsqueeze(0)?.repeat((count, 1))?)
    } else {
        None
    };
    let mut images = generator.generate(&z, labels.as_ref(), &GenerateOptions::default())?;
    let spread = images.broadcast_sub(&images.mean_all()?)?.sqr()?.mean_all()?;
    let spread = spread.to_scalar::<f32>()?.sqrt();
    if !spread.is_finite() || spread == 0.0 {
        printer.note(&format!(
            "warning: the pictures are {}: the weights are those of the file, but not of a trained generator",
            if spread == 0.0 { "of one colour" } else { "not finite" }
        ));
    }
    while images.dim(2)? > LARGEST {
        images = downsample_box2d(&images)?;
    }
    let pictures: Vec<_> = Picture::from_tensor(&images)?.into_iter().map(Some).collect();
    let picture = Picture::grid(&pictures, pictures.len());
    let checksum = format!("{:08x}", crc32fast::hash(&picture.data));
    let path = output::free_path(&model.with_extension("png"), force)?;
    picture.save(&path)?;
    printer.note(&format!(
        "drew seeds 0 to {} into {} (checksum {checksum})",
        count - 1,
        path.display()
    ));
    Ok((path, checksum))
}
