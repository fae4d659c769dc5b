//! A file's bytes, mapped into memory: what is not looked at is not read.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// The bytes of a file, or bytes that were made.
#[derive(Debug)]
pub(crate) enum Data {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Data {
    /// Maps the file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::of(&File::open(path)?)
    }

    /// Maps a file that is open.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            // An empty file cannot be mapped everywhere.
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: the map is read-only and private to this process. Checkpoints are replaced by renaming a whole new
        // file over them, which leaves a mapped one as it was; a program that shortens the file in place while it
        // is read breaks the same promise that every reader of files in this family relies on.
        Ok(Self::Mapped(unsafe { Mmap::map(file)? }))
    }
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
