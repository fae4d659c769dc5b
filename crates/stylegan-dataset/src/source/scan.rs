//! Finding the images in a folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use image::ImageFormat;
use walkdir::{DirEntry, WalkDir};

use crate::error::DatasetError;

/// One image file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(crate) path: PathBuf,
    /// Path within the folder, with `/` between its parts on every system.
    pub(super) name: String,
    pub(super) class: Option<usize>,
}

/// The images of a folder, sorted by name, and its classes, sorted too.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) classes: Vec<String>,
    pub(super) ignored: usize,
}

/// Walks a folder. Hidden files and folders are left alone, links are followed.
pub(super) fn scan(root: &Path, class_per_folder: bool) -> Result<Found, DatasetError> {
    let kind = std::fs::metadata(root).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DatasetError::NotFound { path: root.into() },
        _ => DatasetError::Unreadable { path: root.into(), source },
    })?;
    if !kind.is_dir() {
        let reason = "it is a file, expected a folder of images";
        return Err(DatasetError::UnknownFile { path: root.into(), reason });
    }
    let mut entries = Vec::new();
    let mut ignored = 0;
    let visible = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(entry);
    for item in WalkDir::new(root).follow_links(true).into_iter().filter_entry(visible) {
        let item = item.map_err(|error| DatasetError::Unreadable {
            path: error.path().unwrap_or(root).into(),
            source: error.into(),
        })?;
        if item.file_type().is_dir() {
            continue;
        }
        if is_image(item.path()) {
            let name = relative(root, item.path());
            entries.push(Entry { path: item.into_path(), name, class: None });
        } else {
            ignored += 1;
        }
    }
    if entries.is_empty() {
        return Err(DatasetError::Empty { path: root.into(), ignored });
    }
    // Systems list folders in any order; the order of names is the same everywhere.
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let classes = if class_per_folder { classify(&mut entries)? } else { Vec::new() };
    Ok(Found { entries, classes, ignored })
}

/// Whether a file is an image, by its name's ending or else by its first bytes.
pub fn is_image(path: &Path) -> bool {
    ImageFormat::from_path(path).is_ok_and(is_read)
        || first_bytes(path).is_some_and(|start| image::guess_format(&start).is_ok_and(is_read))
}

pub(super) fn is_read(format: ImageFormat) -> bool {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    matches!(format, Png | Jpeg | WebP | Bmp | Gif)
}

fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path).ok()?.take(32).read_to_end(&mut start).ok()?;
    Some(start)
}

fn is_hidden(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name.starts_with('.') || name == "__MACOSX"
}

fn relative(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// Numbers the first-level sub-folders in the order of their names.
fn classify(entries: &mut [Entry]) -> Result<Vec<String>, DatasetError> {
    let class = |entry: &Entry| entry.name.split_once('/').map(|(class, _)| class.to_owned());
    let stray: Vec<&Entry> = entries.iter().filter(|entry| class(entry).is_none()).collect();
    if let Some(first) = stray.first() {
        return Err(DatasetError::NoClass { count: stray.len(), first: first.name.clone() });
    }
    let mut classes: Vec<String> = entries.iter().filter_map(class).collect();
    classes.sort();
    classes.dedup();
    for entry in entries {
        entry.class = class(entry).and_then(|name| classes.binary_search(&name).ok());
    }
    Ok(classes)
}
