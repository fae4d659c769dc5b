//! numpy archives: a zip of arrays.

use std::io::{Cursor, Write};
use std::path::Path;

use stylegan::{Downscale, LabelHead, Upscale};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Foreign, Format, Native, archive_error, fold_mapping_rate};
use crate::dialects::{ADA_DISCRIMINATOR, ADA_GENERATOR};
use crate::{ImportError, Model};

/// Writes a StyleGAN2 network with the names of `stylegan2-ada-pytorch`.
pub(super) fn export(native: &Native, out: &Path) -> Result<(), ImportError> {
    let refuse = |reason: &str| Err(native.inexpressible(Format::AdaNpz, reason));
    let (table, rate) = match native.model() {
        Model::Generator(config) if config.synthesis.stylegan2.is_some() => {
            if config.synthesis.upscale != Upscale::InConvolution {
                return refuse(
                    "its generators double maps in a convolution, and this one before it (generator.upscale)",
                );
            }
            (&ADA_GENERATOR, Some(config.mapping.lr_multiplier))
        }
        Model::Discriminator(config) if config.stylegan2.is_some() => {
            if config.downscale != Downscale::InConvolution {
                return refuse(
                    "its discriminators halve maps in a convolution, and this one after it (discriminator.downscale)",
                );
            }
            if config.label_dim > 0 && config.label_head != LabelHead::Switch {
                return refuse(
                    "its discriminators map labels in several layers, and this one in one (discriminator.label_head)",
                );
            }
            (&ADA_DISCRIMINATOR, None)
        }
        other => {
            let reason = format!("it holds StyleGAN2 networks, and this is a {}", other.title());
            return Err(native.inexpressible(Format::AdaNpz, reason));
        }
    };
    let mut arrays = native.renamed(table)?;
    if let Some(rate) = rate {
        fold_mapping_rate(&mut arrays, "mapping.fc", rate);
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let written = arrays.iter().try_for_each(|(name, array)| {
        archive.start_file(format!("{name}.npy"), options).map_err(archive_error)?;
        archive.write_all(&header(array))?;
        archive.write_all(&array.bytes())
    });
    let bytes = written.and_then(|()| archive.finish().map_err(archive_error));
    Ok(stylegan_checkpoint::atomic_write(out, |file| file.write_all(&bytes?.into_inner()))?)
}

/// The header of version 1 of the format: a magic number, a length, and a Python dictionary, padded to 64 bytes.
fn header(array: &Foreign) -> Vec<u8> {
    let dims: String = array.shape.iter().map(|dim| format!("{dim}, ")).collect();
    let text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dims.trim_end());
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    let length = (header.len() + 2 + text.len() + 1).next_multiple_of(64) - header.len() - 2;
    header.extend((length as u16).to_le_bytes());
    header.extend(text.bytes());
    header.resize(10 + length - 1, b' ');
    header.push(b'\n');
    header
}
