//! What the fuzz targets share.

use std::fs;

use stylegan_dataset::{SourceOptions, open_source};

/// Puts bytes into a file of a name in a folder of its own, opens both the file and the folder, and
/// reads what is in them. Only a panic, a hang or too much memory is a finding.
pub fn read_file(name: &str, bytes: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let file = folder.path().join(name);
    if fs::write(&file, bytes).is_err() {
        return;
    }
    for path in [file.as_path(), folder.path()] {
        let Some(path) = path.to_str() else { return };
        let Ok(source) = open_source(path, &SourceOptions::default()) else { continue };
        for index in 0..source.len().min(16) {
            let _ = source.read(index).and_then(|raw| raw.decode(None));
            let _ = (source.name(index), source.labels().get(index));
        }
    }
}
