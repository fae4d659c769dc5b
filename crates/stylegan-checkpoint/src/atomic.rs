//! Files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::CheckpointError;

/// Writes a file through `fill`: into a temporary file of the same folder, synced to the disk, then renamed over `path`.
/// Whenever the process or the machine stops, `path` holds the old contents or the new, never a part.
///
/// # Errors
/// [`CheckpointError::Io`]; `path` is then as it was, and the temporary file is removed.
pub fn atomic_write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CheckpointError> {
    let temporary = temporary_beside(path);
    let written = write_and_sync(&temporary, fill).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; a temporary file that cannot be removed does no harm.
        let _ = fs::remove_file(&temporary);
        return Err(CheckpointError::io("write", path)(error));
    }
    sync_folder_of(path)
}

fn write_and_sync(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut writer = BufWriter::with_capacity(1 << 18, file);
    fill(&mut writer)?;
    writer.flush()?;
    writer.get_ref().sync_all()
}

/// A name in the folder of `path` that no other writer uses, of this process or another.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp-{}-{count}", std::process::id()))
}

/// Makes the folder's entry for `path` durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), CheckpointError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => sync_folder(folder),
        _ => sync_folder(Path::new(".")),
    }
}

/// Makes a folder's entries durable, where the operating system can open a folder.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), CheckpointError> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|file| file.sync_all())
            .map_err(CheckpointError::io("sync", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failure_leaves_the_last_good_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        atomic_write(&path, |writer| writer.write_all(b"good")).unwrap();
        let full = atomic_write(&path, |writer| {
            writer.write_all(&[0; 1 << 20])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(matches!(
            full,
            Err(CheckpointError::Io { source, .. }) if source.kind() == io::ErrorKind::StorageFull
        ));
        assert_eq!(fs::read(&path).unwrap(), b"good");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/file");
        let error = atomic_write(&path, |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("absent/file"), "{error}");
    }
}
