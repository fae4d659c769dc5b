//! A zip archive of image files, such as stylegan2-ada's with a `dataset.json`.
//!
//! The zip package reads the archive's directory; entries are read here, in parts of the file and by
//! several threads at once, and never become more bytes than an image may have.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::zip::{CompressionMethod, ZipArchive};
use flate2::read::DeflateDecoder;
use image::ImageFormat;

use super::bytes::Parts;
use super::dataset_json::{MAX_BYTES, parse_labels};
use super::labels::Labels;
use super::scan::is_read;
use super::{Raw, Source};
use crate::error::DatasetError;

/// The most bytes that an image in an archive may unpack to: 256 MiB.
const MAX_ENTRY: u64 = 256 << 20;

/// The most times that an entry may be larger than what it is packed into. Deflate cannot do more
/// than 1032 times, images do a few; what is beyond this is made to fill memory.
const MAX_RATIO: u64 = 200;

/// Entries below this size are never taken for bombs: a flat grey image packs well.
const SMALL: u64 = 1 << 20;

const HINT: &str =
    "make the archive again of images alone, without a password, or unpack it and give the folder";

/// The images of a zip archive, in the order of their names.
#[derive(Debug)]
pub struct Zip {
    file: Parts,
    entries: Vec<Entry>,
    labels: Labels,
    ignored: usize,
}

#[derive(Debug)]
struct Entry {
    name: String,
    start: u64,
    packed: u64,
    size: u64,
    crc: u32,
    deflated: bool,
}

pub(super) fn is_zip(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
}

impl Zip {
    /// Reads the directory of an archive and its `dataset.json`, if it has one. With
    /// `class_per_folder` and without labels in `dataset.json`, the first folders are classes.
    ///
    /// # Errors
    /// If the archive is broken, names paths outside of itself, is encrypted, or holds no image or
    /// one that unpacks to an absurd size.
    pub fn open(path: &Path, class_per_folder: bool) -> Result<Self, DatasetError> {
        let broken = |reason: String| DatasetError::format(path, reason, HINT);
        let file = Parts::open(path)?;
        let (mut entries, json, ignored) = directory(path).map_err(broken)?;
        if entries.is_empty() {
            return Err(DatasetError::Empty { path: path.into(), ignored });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(broken(format!("it holds {} twice", pair[0].name)));
        }
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        let mut labels = Labels::none();
        if let Some(json) = json {
            let within = |reason| broken(format!("dataset.json: {reason}"));
            let text = json.read(&file).map_err(within)?;
            if let Some(found) = parse_labels(&text).map_err(within)? {
                labels = found.in_order(&names).map_err(within)?;
            }
        }
        if class_per_folder && labels.dim() == 0 {
            labels = by_folder(&names)?;
        }
        Ok(Self { file, entries, labels, ignored })
    }
}

/// The images of an archive, its `dataset.json` and the number of other files.
fn directory(path: &Path) -> Result<(Vec<Entry>, Option<Entry>, usize), String> {
    let file = io::BufReader::new(std::fs::File::open(path).map_err(|error| error.to_string())?);
    // A reader of archives that panics on a broken one must not end the program.
    let archive = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ZipArchive::new(file)))
        .unwrap_or_else(|_| Err(io::Error::other("its directory is broken").into()));
    let mut archive = archive.map_err(|error| error.to_string())?;
    let (mut entries, mut json, mut ignored) = (Vec::new(), None, 0);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| error.to_string())?;
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if name.ends_with('/') {
            continue;
        }
        check_name(&name)?;
        let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
        let image = ImageFormat::from_path(PathBuf::from(&name)).is_ok_and(is_read);
        if hidden || !(image || name == "dataset.json") {
            ignored += 1;
            continue;
        }
        if entry.encrypted() {
            return Err(format!("{name} is encrypted"));
        }
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => {
                return Err(format!(
                    "{name} is packed with {other:?}: expected stored or deflated"
                ));
            }
        };
        let found = Entry {
            start: entry.data_start().ok_or_else(|| format!("{name} is at no place"))?,
            packed: entry.compressed_size(),
            size: entry.size(),
            crc: entry.crc32(),
            deflated,
            name,
        };
        found.check_size(image)?;
        if image {
            entries.push(found);
        } else {
            json = Some(found);
        }
    }
    Ok((entries, json, ignored))
}

/// A name that would leave the folder it is unpacked to is a sign of an archive made to do harm.
fn check_name(name: &str) -> Result<(), String> {
    let outside = name.starts_with('/')
        || name.contains('\\')
        || name.contains('\0')
        || name.as_bytes().get(1) == Some(&b':')
        || name.split('/').any(|part| part == "..");
    if outside { Err(format!("it names a path outside of itself: {name:?}")) } else { Ok(()) }
}

fn by_folder(names: &[String]) -> Result<Labels, DatasetError> {
    let class = |name: &String| name.split_once('/').map(|(class, _)| class.to_owned());
    let stray: Vec<&String> = names.iter().filter(|name| class(name).is_none()).collect();
    if let Some(first) = stray.first() {
        return Err(DatasetError::NoClass { count: stray.len(), first: first.to_string() });
    }
    let mut classes: Vec<String> = names.iter().filter_map(class).collect();
    classes.sort();
    classes.dedup();
    let number = |name: &String| {
        class(name).and_then(|class| classes.binary_search(&class).ok()).unwrap_or_default() as u32
    };
    let numbers = names.iter().map(number).collect();
    Ok(Labels::classes(classes, numbers))
}

impl Entry {
    fn check_size(&self, image: bool) -> Result<(), String> {
        let Self { name, packed, size, deflated, .. } = self;
        let limit = if image { MAX_ENTRY } else { MAX_BYTES };
        if *size > limit {
            return Err(format!("{name} unpacks to {size} bytes, more than {limit}"));
        }
        if *deflated && *size > SMALL && size / MAX_RATIO > *packed {
            return Err(format!(
                "{name} unpacks from {packed} to {size} bytes, as only a bomb does"
            ));
        }
        if !deflated && packed != size {
            return Err(format!("{name} is stored in {packed} bytes but has {size}"));
        }
        Ok(())
    }

    fn read(&self, file: &Parts) -> Result<Vec<u8>, String> {
        let packed = file.read(self.start, self.packed)?;
        let bytes = if self.deflated {
            let mut bytes = Vec::new();
            let mut reader = DeflateDecoder::new(packed.as_slice()).take(self.size + 1);
            reader
                .read_to_end(&mut bytes)
                .map_err(|error| format!("it does not unpack: {error}"))?;
            bytes
        } else {
            packed
        };
        if bytes.len() as u64 != self.size {
            return Err(format!("it unpacks to other than the {} bytes it says", self.size));
        }
        if crc32fast::hash(&bytes) != self.crc {
            return Err(String::from("its checksum does not fit"));
        }
        Ok(bytes)
    }
}

impl Source for Zip {
    fn describe(&self) -> String {
        format!("zip archive {}", self.file.path().display())
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn name(&self, index: usize) -> String {
        self.entries.get(index).map(|entry| entry.name.clone()).unwrap_or_default()
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let entry = self.entries.get(index).ok_or("there is no such image")?;
        entry.read(&self.file).map(Raw::File)
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn ignored(&self) -> usize {
        self.ignored
    }
}
