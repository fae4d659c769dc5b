//! From a path to the source that reads it, by what is there rather than by its name.

use std::path::Path;

use super::Source;
use super::bytes::{first, first_unpacked};
use super::cifar::{self, Cifar};
use super::faces::FacesSource;
use super::folder::ImageFolder;
use super::idx::{self, Idx};
use super::lmdb::{self, Lmdb};
use super::native::NativeSource;
use super::records::{self, Records};
use super::zip::{self, Zip};
use crate::error::DatasetError;
use crate::faces::FacesConfig;
use crate::native::{self, Native};
use crate::open::faces_config;

/// What is wanted of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceOptions {
    /// Where a set stores several sizes: the side that is wanted; the largest unless given.
    pub side: Option<usize>,
    /// Folders and zip archives: the first sub-folders are classes.
    pub class_per_folder: bool,
    /// The bundled faces, unless the text says otherwise.
    pub faces: FacesConfig,
}

/// Opens the collection that a text names: the bundled faces (`faces:COUNT@RESOLUTION`), or a path
/// whose content is recognised: a prepared set, a folder or zip archive of images (with a
/// `dataset.json` of stylegan2-ada or without), TFRecords of StyleGAN, an LMDB of the rosinality
/// layout, MNIST or Fashion-MNIST (IDX, gzipped or not), CIFAR-10 (binary).
///
/// # Errors
/// If the text is none of these, nothing is at the path, or the collection does not open.
pub fn open_source(spec: &str, options: &SourceOptions) -> Result<Box<dyn Source>, DatasetError> {
    if let Some(config) = faces_config(spec, &options.faces)? {
        return Ok(Box::new(FacesSource::new(config)?));
    }
    let path = Path::new(spec);
    let kind = std::fs::metadata(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DatasetError::NotFound { path: path.into() },
        _ => DatasetError::Unreadable { path: path.into(), source },
    })?;
    if kind.is_dir() { open_folder(path, options) } else { open_file(path, options) }
}

fn open_folder(path: &Path, options: &SourceOptions) -> Result<Box<dyn Source>, DatasetError> {
    if native::is_native(path) {
        return Ok(Box::new(NativeSource::new(Native::open(path)?)));
    }
    if lmdb::is_lmdb(&lmdb::file_of(path)) {
        return Ok(Box::new(Lmdb::open(path, options.side)?));
    }
    let files = records::in_folder(path);
    if let Some(file) = records::choose(&files, options.side) {
        return Ok(Box::new(Records::open(file)?));
    }
    if let Some(file) = idx::in_folder(path) {
        return Ok(Box::new(Idx::open(&file)?));
    }
    let files = cifar::in_folder(path);
    if !files.is_empty() {
        return Ok(Box::new(Cifar::open(path, &files)?));
    }
    Ok(Box::new(ImageFolder::open(path, options.class_per_folder)?))
}

fn open_file(path: &Path, options: &SourceOptions) -> Result<Box<dyn Source>, DatasetError> {
    let unreadable = |source| DatasetError::Unreadable { path: path.into(), source };
    let start = first(path, 32).map_err(unreadable)?;
    if zip::is_zip(&start) {
        Ok(Box::new(Zip::open(path, options.class_per_folder)?))
    } else if lmdb::is_lmdb(path) {
        Ok(Box::new(Lmdb::open(path, options.side)?))
    } else if idx::is_idx(path) {
        Ok(Box::new(Idx::open(path)?))
    } else if records::is_records(path) {
        Ok(Box::new(Records::open(path)?))
    } else if cifar::is_cifar(path) {
        Ok(Box::new(Cifar::open(path, &[path.to_path_buf()])?))
    } else {
        let inside = first_unpacked(path, 32).map(|start| start.len());
        let reason = match (start.is_empty(), inside) {
            (true, _) => "the file is empty",
            (false, Err(_)) => "the file is gzipped and does not unpack",
            (false, Ok(_)) => "its content is of no kind that is read here",
        };
        Err(DatasetError::UnknownFile { path: path.into(), reason })
    }
}
