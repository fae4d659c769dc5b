//! From a prepared set to the formats of other programs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Write};
use std::path::Path;

use ::zip::write::{SimpleFileOptions, ZipWriter};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;

use super::Format;
use crate::error::DatasetError;
use crate::native::write::publish;
use crate::native::{LabelKind, Native};
use crate::picture::Pixels;
use crate::source::{frame, write_example, write_npy};

/// Pictures encoded at a time.
const CHUNK: usize = 256;

/// Whether a format can hold such pictures.
pub(super) fn check(
    format: Format,
    (height, width): (usize, usize),
    channels: usize,
) -> Result<(), DatasetError> {
    let wrong = |reason: &str, hint| Err(DatasetError::Settings { reason: reason.into(), hint });
    if format == Format::Native {
        return Ok(());
    }
    if height != width || !width.is_power_of_two() {
        return wrong(
            "this format holds square pictures of a power of two",
            "choose --resolution 64, 128, 256, ..., or --format native",
        );
    }
    if channels == 4 {
        return wrong(
            "this format holds pictures of 1 or 3 channels, not 4",
            "add --channels 3, or choose --format native",
        );
    }
    Ok(())
}

/// Writes what is in a finished working folder in another format, and removes the folder.
pub(super) fn export(folder: &Path, dest: &Path, format: Format) -> Result<(), DatasetError> {
    let set = Native::open(folder)?;
    let mut name = dest.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = dest.with_file_name(name);
    let written = match format {
        Format::AdaZip => ada_zip(&set, &new),
        _ => tfrecords(&set, &new, dest),
    };
    if let Err(error) = written {
        // A part of an archive is of no use; the working folder stays to continue from.
        let _ = if new.is_dir() { fs::remove_dir_all(&new) } else { fs::remove_file(&new) };
        return Err(error);
    }
    publish(&new, dest)?;
    drop(set);
    fs::remove_dir_all(folder).map_err(DatasetError::write(folder))
}

/// `00000/img00000000.png` and so on, and `dataset.json`; nothing is compressed, as the official
/// tool has it.
fn ada_zip(set: &Native, path: &Path) -> Result<(), DatasetError> {
    let failed = DatasetError::write(path);
    let write = || -> io::Result<()> {
        let mut zip = ZipWriter::new(BufWriter::new(File::create(path)?));
        let options = SimpleFileOptions::default()
            .compression_method(::zip::CompressionMethod::Stored)
            .large_file(false);
        let name = |index: usize| format!("{:05}/img{index:08}.png", index / 1000);
        let count = set.header().images;
        for start in (0..count).step_by(CHUNK) {
            let files: Vec<io::Result<Vec<u8>>> = (start..count.min(start + CHUNK))
                .into_par_iter()
                .map(|index| png(set, index))
                .collect();
            for (index, file) in (start..).zip(files) {
                zip.start_file(name(index), options)?;
                zip.write_all(&file?)?;
            }
        }
        let labels = (set.header().labels != LabelKind::None).then(|| {
            let labels = set.labels();
            let label = |index| match labels.class(index) {
                Some(class) => serde_json::json!([name(index), class]),
                None => serde_json::json!([name(index), labels.get(index)]),
            };
            (0..count).map(label).collect::<Vec<_>>()
        });
        zip.start_file("dataset.json", options)?;
        zip.write_all(serde_json::json!({ "labels": labels }).to_string().as_bytes())?;
        let file = zip.finish()?.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()
    };
    write().map_err(failed)
}

fn png(set: &Native, index: usize) -> io::Result<Vec<u8>> {
    let image = set.image(index, 0).ok_or_else(|| io::Error::other("the set is broken"))?;
    let pixels = Pixels::from_planes(&image);
    let mut bytes = Cursor::new(Vec::new());
    let (width, height) = (pixels.width as u32, pixels.height as u32);
    let color = if pixels.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Uncompressed, FilterType::NoFilter)
        .write_image(&pixels.data, width, height, color)
        .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

/// A folder with `NAME-rNN.tfrecords` for each level and `NAME-rxx.labels`.
fn tfrecords(set: &Native, folder: &Path, dest: &Path) -> Result<(), DatasetError> {
    let failed = DatasetError::write(folder);
    let name = dest.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let count = set.header().images;
        for (level, &(side, _)) in set.header().levels.iter().enumerate() {
            let path = folder.join(format!("{name}-r{:02}.tfrecords", side.ilog2()));
            let mut file = BufWriter::new(File::create(path)?);
            for index in 0..count {
                let image = set.image(index, level);
                let image = image.ok_or_else(|| io::Error::other("the set is broken"))?;
                file.write_all(&frame(&write_example(&image)))?;
            }
            file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        }
        let dim = set.header().label_names.len();
        if dim > 0 {
            let mut file = BufWriter::new(File::create(folder.join(format!("{name}-rxx.labels")))?);
            file.write_all(&write_npy(count, dim))?;
            for index in 0..count {
                for value in set.label(index) {
                    file.write_all(&value.to_le_bytes())?;
                }
            }
            file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        }
        Ok(())
    };
    write().map_err(failed)
}
