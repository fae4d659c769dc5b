//! PyTorch files, as `torch.save` writes them, with genforce's names.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Foreign, Format, Native, archive_error, fold_mapping_rate, pickle};
use crate::dialects::{GENFORCE_DISCRIMINATOR, GENFORCE_GENERATOR, GENFORCE_PROGRESSIVE_GENERATOR};
use crate::{ImportError, Model};

/// The alignment of storages in the archive, so that they can be mapped.
const ALIGNMENT: u16 = 64;

/// Writes a network as genforce has it, constant kernels included.
pub(super) fn export(native: &Native, out: &Path) -> Result<(), ImportError> {
    let refuse = |reason: &str| Err(native.inexpressible(Format::GenforcePth, reason));
    const OTHERS: &str = "only networks of StyleGAN and Progressive GAN have genforce's names here";
    let (tensors, names): (_, &[&str]) = match native.model() {
        Model::Generator(config) if config.synthesis.stylegan2.is_some() => return refuse(OTHERS),
        Model::Discriminator(config) if config.stylegan2.is_some() => return refuse(OTHERS),
        Model::Generator(config) if config.synthesis.use_styles => {
            let synthesis = &config.synthesis;
            if !(synthesis.const_input && synthesis.use_noise && synthesis.blur) {
                return refuse("genforce has StyleGAN's generator in configuration F only");
            }
            if synthesis.bias_before_blur || synthesis.base != [4, 4] {
                return refuse("genforce's generator is the official one, and this is not");
            }
            let mut tensors = native.renamed(&GENFORCE_GENERATOR)?;
            fold_mapping_rate(&mut tensors, "mapping.dense", config.mapping.lr_multiplier);
            tensors.insert("synthesis.lod".to_owned(), Foreign::scalar(0.0));
            blurs(&mut tensors, "synthesis.layer", "conv0", native, 0)?;
            (tensors, &["generator", "generator_smooth"])
        }
        Model::Generator(config) => {
            if config.synthesis.blur {
                return refuse("genforce has traditional generators without blur only");
            }
            let mut tensors = native.renamed(&GENFORCE_PROGRESSIVE_GENERATOR)?;
            tensors.insert("lod".to_owned(), Foreign::scalar(0.0));
            (tensors, &["generator", "generator_smooth"])
        }
        Model::Discriminator(config) => {
            let mut tensors = native.renamed(&GENFORCE_DISCRIMINATOR)?;
            tensors.insert("lod".to_owned(), Foreign::scalar(0.0));
            if config.blur {
                blurs(&mut tensors, "layer", "conv1", native, 1)?;
            }
            (tensors, &["discriminator"])
        }
        _ => return refuse(OTHERS),
    };
    let bytes = bytes(&names.iter().map(|&name| (name, &tensors)).collect::<Vec<_>>());
    Ok(stylegan_checkpoint::atomic_write(out, |file| file.write_all(&bytes?))?)
}

/// Adds the constant kernels of the blurs at `conv` of each block.
fn blurs(
    tensors: &mut BTreeMap<String, Foreign>,
    layer: &str,
    conv: &str,
    native: &Native,
    axis: usize,
) -> Result<(), ImportError> {
    let blocks = native.model().blocks();
    for (name, tensor) in &native.tensors {
        let weight = name.trim_start_matches("synthesis.").strip_prefix('b');
        let Some((size, rest)) = weight.and_then(|rest| rest.split_once('.')) else { continue };
        let Some(size) = size.parse::<usize>().ok().filter(|&size| size > 4) else { continue };
        if rest != format!("{conv}.weight") {
            continue;
        }
        let block = size.ilog2() as usize - 2;
        // Generators count their layers from 4x4 up, discriminators from the full resolution down.
        let number = if axis == 0 { 2 * block } else { 2 * (blocks - 1 - block) + 1 };
        let kernel = Foreign::blur(tensor.dim(axis)?);
        tensors.insert(format!("{layer}{number}.blur.kernel"), kernel);
    }
    Ok(())
}

/// A PyTorch zip archive of state dictionaries.
pub(crate) fn bytes(networks: &[(&str, &BTreeMap<String, Foreign>)]) -> io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: &str, bytes: &[u8]| {
        let options = stored.with_alignment(ALIGNMENT).large_file(bytes.len() >= 1 << 31);
        archive.start_file(format!("archive/{name}"), options).map_err(archive_error)?;
        archive.write_all(bytes)
    };
    let mut all = || {
        add("data.pkl", &pickle::state_dicts(networks))?;
        add("byteorder", b"little")?;
        let tensors = networks.iter().flat_map(|(_, tensors)| tensors.values());
        for (number, tensor) in tensors.enumerate() {
            add(&format!("data/{number}"), &tensor.bytes())?;
        }
        add("version", b"3\n")
    };
    all()?;
    Ok(archive.finish().map_err(archive_error)?.into_inner())
}
