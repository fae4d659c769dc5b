//! PyTorch's zip archives: a pickle and its storages as uncompressed files of one folder.

use std::collections::HashMap;
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::PickleFault;
use super::call::Storages;
use super::node::Chunk;

/// Entries that an archive may have; the largest checkpoints have some thousand.
const MAX_ENTRIES: usize = 1 << 17;

/// The pickle of an archive, and the storages beside it.
pub(crate) struct Archive {
    pub(crate) pickle: Chunk,
    pub(crate) storages: Storages,
}

/// Whether the bytes begin as a zip archive.
pub(crate) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Reads an archive's table of contents.
pub(crate) fn open(file: &[u8]) -> Result<Archive, PickleFault> {
    let zip = |error: zip::result::ZipError| {
        PickleFault::malformed(format!("it begins as a zip archive, but is none: {error}"))
    };
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(zip)?;
    if archive.len() > MAX_ENTRIES {
        return Err(PickleFault::Limit { what: "files in the archive", limit: MAX_ENTRIES });
    }
    let mut entries = HashMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(zip)?;
        let name = entry.name().map_err(zip)?.into_owned();
        if entry.compression() != CompressionMethod::Stored {
            return Err(PickleFault::malformed(format!(
                "`{}` in the archive is compressed, as PyTorch never does: unpack and repack it without compression",
                super::shorten(&name, 80)
            )));
        }
        let start = entry.data_start().and_then(|start| usize::try_from(start).ok());
        let length = usize::try_from(entry.size()).ok();
        let range = start.zip(length).and_then(|(start, length)| {
            let end = start.checked_add(length)?;
            (end <= file.len() && entry.size() == entry.compressed_size()).then_some(start..end)
        });
        let range = range.ok_or_else(|| {
            let name = super::shorten(&name, 80);
            PickleFault::malformed(format!(
                "the archive claims {} bytes for `{name}`, which it does not have",
                entry.size()
            ))
        })?;
        entries.insert(name, Chunk { base: None, range });
    }
    let pickle = entries.iter().filter(|(name, _)| {
        name.as_str() == "data.pkl" || name.matches('/').count() == 1 && name.ends_with("/data.pkl")
    });
    // The least name, so that an archive with two is read the same way each time.
    let (name, pickle) = pickle.min_by_key(|(name, _)| name.as_str()).ok_or_else(|| {
        PickleFault::malformed("it is a zip archive without `data.pkl`, so not one of PyTorch's")
    })?;
    let folder = name.trim_end_matches("data.pkl");
    let order = entries.get(&format!("{folder}byteorder"));
    let order = order.and_then(|chunk| file.get(chunk.range.clone()));
    let big_endian = match order {
        None | Some(b"little") => false,
        Some(b"big") => true,
        Some(_) => return Err(PickleFault::malformed("its byte order is neither little nor big")),
    };
    let prefix = format!("{folder}data/");
    let files = entries.iter().filter_map(|(name, chunk)| {
        name.strip_prefix(&prefix).map(|key| (key.to_owned(), chunk.clone()))
    });
    let storages = Storages::Archive { files: files.collect(), big_endian };
    Ok(Archive { pickle: pickle.clone(), storages })
}
