//! Reading parts of a file that nobody vouches for: no read past its end, no memory for what is not there.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::error::DatasetError;

/// The most bytes that are taken from one compressed file or entry: 1 GiB.
pub(crate) const MAX_INFLATED: u64 = 1 << 30;

/// A file that several threads read parts of.
#[derive(Debug)]
pub(crate) struct Parts {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Parts {
    pub(crate) fn open(path: &Path) -> Result<Self, DatasetError> {
        let unreadable = |source| DatasetError::Unreadable { path: path.into(), source };
        let file = File::open(path).map_err(unreadable)?;
        let len = file.metadata().map_err(unreadable)?.len();
        Ok(Self { file, path: path.into(), len })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Some bytes from `at` on; the error says why not.
    pub(crate) fn read(&self, at: u64, len: u64) -> Result<Vec<u8>, String> {
        // The length comes from the file: it is checked before memory is taken for it.
        if at.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(String::from("it ends too early"));
        }
        let mut bytes = vec![0; len as usize];
        read_at(&self.file, &mut bytes, at).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// `N` bytes from `at` on.
    pub(crate) fn array<const N: usize>(&self, at: u64) -> Result<[u8; N], String> {
        if at.checked_add(N as u64).is_none_or(|end| end > self.len) {
            return Err(String::from("it ends too early"));
        }
        let mut bytes = [0; N];
        read_at(&self.file, &mut bytes, at).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                bytes = &mut bytes[n..];
                at += n as u64;
            }
        }
    }
    Ok(())
}

/// Elsewhere a file has one position, which readers take turns at.
#[cfg(not(any(unix, windows)))]
fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

/// The first bytes of a file, at most `len`.
pub(crate) fn first(path: &Path, len: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(len).read_to_end(&mut start)?;
    Ok(start)
}

pub(crate) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1F, 0x8B])
}

/// The first bytes of a file that may be gzipped, at most `len`.
pub(crate) fn first_unpacked(path: &Path, len: u64) -> io::Result<Vec<u8>> {
    if !is_gzip(&first(path, 2)?) {
        return first(path, len);
    }
    let mut start = Vec::new();
    GzDecoder::new(io::BufReader::new(File::open(path)?)).take(len).read_to_end(&mut start)?;
    Ok(start)
}

/// All of a file that may be gzipped, unless that is more than `limit` bytes.
pub(crate) fn whole_unpacked(path: &Path, limit: u64) -> Result<Vec<u8>, DatasetError> {
    let broken = |reason: String| DatasetError::format(path, reason, "get the file again");
    let packed = first(path, 2).map(|start| is_gzip(&start));
    let unreadable = |source| DatasetError::Unreadable { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    if packed.map_err(unreadable)? {
        // One byte more than the limit tells a file at the limit from one over it.
        let mut reader = GzDecoder::new(io::BufReader::new(file)).take(limit + 1);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| broken(format!("it does not unpack: {error}")))?;
    } else {
        file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() as u64 > limit {
        return Err(broken(format!("it is larger than {limit} bytes when unpacked")));
    }
    Ok(bytes)
}

/// A little-endian number at a place, if all of it is there.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// See [`u16_at`].
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// See [`u16_at`].
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
