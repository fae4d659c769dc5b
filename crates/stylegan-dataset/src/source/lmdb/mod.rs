//! LMDB in the layout of the rosinality repositories: keys `SIZE-INDEX` (`256-00042`) hold JPEG or
//! PNG files, and `length` the number of pictures.
//!
//! A reader of our own, because LMDB's trusts its file: a damaged one may read or write anywhere.
//! This one only reads, and checks every number before it follows it.

mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bytes::Parts;
use super::labels::Labels;
use super::{Raw, Source};
use crate::error::DatasetError;

pub(super) use tree::is_lmdb;

const HINT: &str =
    "make the database again with prepare_data.py, or get it again if it was downloaded";

/// Where a picture's file begins, and its length.
type Place = (u64, u64);

/// The pictures of one size in an LMDB.
#[derive(Debug)]
pub struct Lmdb {
    file: Parts,
    size: usize,
    places: Vec<Place>,
    labels: Labels,
}

/// The database file that a path speaks of: itself, or `data.mdb` in it.
pub(super) fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("data.mdb") } else { path.into() }
}

impl Lmdb {
    /// Finds the pictures of a size, or else of the smallest larger one, or else of the largest.
    ///
    /// # Errors
    /// If the file is no whole LMDB, has no `length`, or lacks pictures.
    pub fn open(path: &Path, side: Option<usize>) -> Result<Self, DatasetError> {
        let path = file_of(path);
        let broken = |reason: String| DatasetError::format(&path, reason, HINT);
        let file = Parts::open(&path)?;
        let mut length = None;
        let mut sizes: BTreeMap<usize, Vec<(usize, Place)>> = BTreeMap::new();
        tree::entries(&file, |key, place| {
            if key == b"length" {
                length = Some(place);
            } else if let Some((size, index)) = parse_key(key) {
                sizes.entry(size).or_default().push((index, place));
            }
        })
        .map_err(broken)?;
        let (at, len) = length.ok_or_else(|| broken(String::from("it has no key \"length\"")))?;
        let text = file.read(at, len.min(32)).map_err(broken)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let count: usize =
            text.parse().map_err(|_| broken(format!("its length is no number: {text:?}")))?;
        let chosen = side
            .and_then(|side| sizes.range(side..).next())
            .or_else(|| sizes.last_key_value())
            .map(|(&size, _)| size);
        let (Some(size), true) = (chosen, count > 0) else {
            return Err(DatasetError::Empty { path: path.clone(), ignored: 0 });
        };
        let mut places = sizes.remove(&size).unwrap_or_default();
        places.sort_unstable();
        if let Some(missing) = (0..count).find(|&i| places.get(i).is_none_or(|&(at, _)| at != i)) {
            let reason =
                format!("its length is {count}, but the key {size}-{missing:05} is missing");
            return Err(broken(reason));
        }
        places.truncate(count);
        let places = places.into_iter().map(|(_, place)| place).collect();
        Ok(Self { file, size, places, labels: Labels::none() })
    }
}

/// Size and index of a key such as `256-00042`.
fn parse_key(key: &[u8]) -> Option<(usize, usize)> {
    let (size, index) = std::str::from_utf8(key).ok()?.split_once('-')?;
    Some((size.parse().ok()?, index.parse().ok()?))
}

impl Source for Lmdb {
    fn describe(&self) -> String {
        format!("LMDB {}, size {}", self.file.path().display(), self.size)
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn name(&self, index: usize) -> String {
        format!("{}-{index:05}", self.size)
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let &(at, len) = self.places.get(index).ok_or("there is no such picture")?;
        self.file.read(at, len).map(Raw::File)
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }
}
