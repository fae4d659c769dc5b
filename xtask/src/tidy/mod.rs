//! Checks of the sources themselves: what a reviewer would otherwise have to look for by hand.
//!
//! Every check returns its complaints as sentences that name the file, so that the test below and
//! `cargo xtask tidy` say the same thing.

mod manifests;
mod sources;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The root folder of the workspace this binary was built from.
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Runs every check on the workspace at `root` and returns the complaints, sorted.
///
/// # Errors
///
/// When a file of the workspace cannot be read.
pub fn check(root: &Path) -> io::Result<Vec<String>> {
    let mut complaints = manifests::check(root)?;
    complaints.extend(sources::check(root)?);
    complaints.sort();
    Ok(complaints)
}

/// The member packages' folders: `crates/*`, `xtask` and `tests`.
fn members(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = vec![root.join("tests"), root.join("xtask")];
    for entry in fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        if folder.join("Cargo.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}

/// A path as the complaints print it: relative to the root, with forward slashes.
fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let complaints = check(&workspace_root()).unwrap();
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }
}
