//! A file mapped into memory: the only `unsafe` code outside of the kernels.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::error::DatasetError;

/// A file's bytes; an empty file has none to map.
#[derive(Debug)]
pub(super) struct Map(Option<Mmap>);

impl Map {
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let unreadable = |source| DatasetError::Unreadable { path: path.into(), source };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the map is only read, as plain bytes of which every pattern is valid. The files of
        // a set are written under another name and never changed once they have theirs; who changes
        // or cuts one under a running program gets other pixels or ends the program, as with any
        // mapped file.
        let map = unsafe { Mmap::map(&file) };
        map.map(Some).map(Self).map_err(unreadable)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}
