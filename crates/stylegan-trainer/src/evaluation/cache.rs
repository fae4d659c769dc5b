//! The numbers of an interrupted measurement, in a file.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use stylegan_metrics::{BlockCache, MetricError};

/// Blocks of numbers in a file that only grows: each is its number, its length, its float32 values and a checksum of these, all
/// little endian. What a kill tears is dropped when the file is opened again.
#[derive(Debug)]
pub struct FileCache {
    path: PathBuf,
    file: File,
    blocks: BTreeMap<u64, Vec<f32>>,
}

impl FileCache {
    /// Opens the file under `folder` of the measurement that `key` describes in full: images, networks, settings, seed.
    ///
    /// # Errors
    /// [`MetricError::Cache`].
    pub fn open(folder: &Path, name: &str, key: &str) -> Result<Self, MetricError> {
        fs::create_dir_all(folder).map_err(failure("write", folder))?;
        let path = folder.join(format!("{name}-{:016x}.cache", fnv(key)));
        let header = format!("{key}\n");
        let old = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failure("read", &path)(error)),
        };
        // Another key under the same name: a file of somebody else, which is begun anew.
        let (blocks, whole) = match old.strip_prefix(header.as_bytes()) {
            Some(rest) => {
                let (blocks, bytes) = read_blocks(rest);
                (blocks, header.len() + bytes)
            }
            None => (BTreeMap::new(), 0),
        };
        let open = || {
            let mut file =
                OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            file.set_len(whole as u64)?;
            io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            if whole == 0 {
                file.write_all(header.as_bytes())?;
            }
            Ok(file)
        };
        let file = open().map_err(failure("write", &path))?;
        Ok(Self { path, file, blocks })
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

impl BlockCache for FileCache {
    fn get(&mut self, block: u64) -> Option<Vec<f32>> {
        self.blocks.get(&block).cloned()
    }

    fn put(&mut self, block: u64, values: &[f32]) -> Result<(), MetricError> {
        let mut record = Vec::with_capacity(16 + 4 * values.len());
        record.extend(block.to_le_bytes());
        record.extend((values.len() as u32).to_le_bytes());
        record.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        record.extend(crc32fast::hash(&record).to_le_bytes());
        self.file.write_all(&record).map_err(failure("write", &self.path))?;
        self.blocks.insert(block, values.to_vec());
        Ok(())
    }
}

fn failure(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MetricError {
    let path = path.to_owned();
    move |source| MetricError::Cache { action, path, source }
}

/// The blocks that are whole, and how many bytes they take.
fn read_blocks(bytes: &[u8]) -> (BTreeMap<u64, Vec<f32>>, usize) {
    let (mut blocks, mut at) = (BTreeMap::new(), 0);
    while let Some((block, values, size)) = read_block(&bytes[at..]) {
        blocks.insert(block, values);
        at += size;
    }
    (blocks, at)
}

fn read_block(bytes: &[u8]) -> Option<(u64, Vec<f32>, usize)> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = (u32::from_le_bytes(*length) as usize).checked_mul(4)?;
    let values = rest.get(..length)?;
    let checksum = rest.get(length..)?.first_chunk::<4>()?;
    let size = 12 + length;
    if crc32fast::hash(&bytes[..size]) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (words, _) = values.as_chunks::<4>();
    let values = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    Some((u64::from_le_bytes(*number), values, size + 4))
}

/// FNV-1a, for a file's name; the file itself holds the whole key.
fn fnv(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_again_and_torn_ones_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = FileCache::open(folder.path(), "ppl", "a model, seed 1").unwrap();
        cache.put(0, &[1.0, 2.0]).unwrap();
        cache.put(7, &[3.0]).unwrap();
        let path = cache.path.clone();
        drop(cache);
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let mut cache = FileCache::open(folder.path(), "ppl", "a model, seed 1").unwrap();
            let first = length >= whole.len() - 20;
            assert_eq!(cache.get(0), first.then(|| vec![1.0, 2.0]), "{length} bytes");
            assert_eq!(cache.get(7).is_some(), length == whole.len(), "{length} bytes");
            cache.put(9, &[4.0]).unwrap();
            drop(cache);
            let mut cache = FileCache::open(folder.path(), "ppl", "a model, seed 1").unwrap();
            assert_eq!(cache.get(9), Some(vec![4.0]), "{length} bytes");
        }
        let other = FileCache::open(folder.path(), "ppl", "a model, seed 2").unwrap();
        assert!(other.is_empty());
    }
}
