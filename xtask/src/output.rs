//! Names of the files that commands write: never over a file that is there, unless told to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrFail};

/// Where pictures go when no place is named.
pub const FOLDER: &str = "out";

/// Picks the path to write: `wanted` itself when it is free or `force` is set, else the first free
/// of `name-1.png`, `name-2.png`, and so on. The folder is made when it is missing.
///
/// # Errors
///
/// When the folder cannot be made.
pub fn free_path(wanted: &Path, force: bool) -> Result<PathBuf, Failure> {
    if let Some(folder) = wanted.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .or_user_with(|| format!("cannot make the folder `{}`", folder.display()))
            .map_err(|failure| failure.hint("name another place with --out"))?;
    }
    if force || !wanted.exists() {
        return Ok(wanted.to_path_buf());
    }
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy();
    let extension = wanted.extension().map(|e| format!(".{}", e.to_string_lossy()));
    let extension = extension.unwrap_or_default();
    let mut number = 1_u64;
    loop {
        let path = wanted.with_file_name(format!("{stem}-{number}{extension}"));
        if !path.exists() {
            return Ok(path);
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("new/grid.png");
        assert_eq!(free_path(&wanted, false).unwrap(), wanted);
        fs::write(&wanted, "first").unwrap();
        let second = free_path(&wanted, false).unwrap();
        assert_eq!(second, folder.path().join("new/grid-1.png"));
        fs::write(&second, "second").unwrap();
        assert_eq!(free_path(&wanted, false).unwrap(), folder.path().join("new/grid-2.png"));
        assert_eq!(free_path(&wanted, true).unwrap(), wanted);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = free_path(&file.join("grid.png"), false).unwrap_err();
        assert!(failure.to_string().contains("cannot make the folder"), "{failure}");
    }
}
