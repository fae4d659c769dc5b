//! Writing a prepared set: appended to in a working folder, renamed when whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::header::{FORMAT, Header, LabelKind, VERSION};
use super::{DIGEST, DIGESTS, HEADER, INDEX, LABELS, NAMES, digest, pixels_file, verify};
use crate::error::DatasetError;
use crate::source::Labels;

/// The file of a working folder that says how far it is.
const STATE: &str = "state.json";

/// Bytes written between two points that an interrupted preparation can continue from.
const SYNC_EVERY: u64 = 64 << 20;

/// A finished picture.
pub(crate) struct Picture {
    /// Pixels of each level, full resolution first.
    pub(crate) levels: Vec<Vec<u8>>,
    pub(crate) name: String,
    /// Its number in the source's labels.
    pub(crate) index: usize,
}

/// How far a working folder is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// What is being prepared from what: another text means another preparation.
    pub(crate) settings: String,
    /// Pictures of the source that are done with.
    pub(crate) next: usize,
    /// Pictures written.
    pub(crate) written: usize,
    /// Bytes of names written.
    names: u64,
    /// Pictures left out, with the reason.
    pub(crate) bad: Vec<(String, String)>,
    /// Pictures that had to be enlarged.
    pub(crate) smaller: usize,
}

/// A set that is being written.
pub(crate) struct Writer<'a> {
    folder: PathBuf,
    channels: usize,
    sizes: Vec<(usize, usize)>,
    labels: &'a Labels,
    files: Vec<Part>,
    unsynced: u64,
    pub(crate) state: State,
}

/// A file that grows.
struct Part {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl<'a> Writer<'a> {
    /// Begins in a working folder, or continues what is in it if that is the same preparation.
    pub(crate) fn begin(
        folder: &Path,
        settings: String,
        channels: usize,
        sizes: Vec<(usize, usize)>,
        labels: &'a Labels,
    ) -> Result<Self, DatasetError> {
        let found = fs::read(folder.join(STATE)).ok();
        let found = found.and_then(|text| serde_json::from_slice::<State>(&text).ok());
        let state = found.filter(|state| state.settings == settings);
        if state.is_none() && folder.exists() {
            fs::remove_dir_all(folder).map_err(DatasetError::write(folder))?;
        }
        fs::create_dir_all(folder).map_err(DatasetError::write(folder))?;
        let mut writer = Self {
            folder: folder.into(),
            channels,
            sizes,
            labels,
            files: Vec::new(),
            unsynced: 0,
            state: state.unwrap_or_else(|| State { settings, ..State::default() }),
        };
        let lengths = writer.lengths();
        for (name, bytes) in lengths {
            let path = writer.folder.join(name);
            let open = || {
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                // What was written after the last point to continue from is written again.
                if file.metadata()?.len() < bytes {
                    return Err(io::Error::other("the file is shorter than it was"));
                }
                file.set_len(bytes)?;
                Ok(BufWriter::with_capacity(1 << 18, file))
            };
            let file = open().map_err(DatasetError::write(&path))?;
            writer.files.push(Part { path, writer: file });
        }
        Ok(writer)
    }

    /// The names of all files but the header, with their lengths at the point reached: levels,
    /// labels, names, index, digests.
    fn lengths(&self) -> Vec<(String, u64)> {
        let written = self.state.written as u64;
        let pixels = |&(h, w): &(usize, usize)| {
            (pixels_file((h, w)), written * (self.channels * h * w) as u64)
        };
        let mut lengths: Vec<_> = self.sizes.iter().map(pixels).collect();
        lengths.push((LABELS.into(), written * self.label_bytes() as u64));
        lengths.push((NAMES.into(), self.state.names));
        lengths.push((INDEX.into(), written * 8));
        lengths.push((DIGESTS.into(), written * DIGEST as u64));
        lengths
    }

    fn label_bytes(&self) -> usize {
        if self.labels.are_classes() { 4 } else { 4 * self.labels.dim() }
    }

    fn label(&self, index: usize) -> Vec<u8> {
        match self.labels.class(index) {
            Some(class) => (class as u32).to_le_bytes().to_vec(),
            None => self.labels.get(index).iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// Appends a picture.
    pub(crate) fn push(&mut self, picture: &Picture) -> Result<(), DatasetError> {
        let label = self.label(picture.index);
        let levels = picture.levels.iter().map(Vec::as_slice);
        let digest = digest(levels, &label, &picture.name);
        let index = self.state.names.to_le_bytes();
        let name = picture.name.as_bytes();
        let others = [&label[..], name, &index, &digest];
        let parts = picture.levels.iter().map(Vec::as_slice).chain(others);
        for (file, bytes) in self.files.iter_mut().zip(parts) {
            file.writer.write_all(bytes).map_err(DatasetError::write(&file.path))?;
            self.unsynced += bytes.len() as u64;
        }
        self.state.names += name.len() as u64;
        self.state.written += 1;
        Ok(())
    }

    /// Makes a point to continue from if much was written since the last one.
    pub(crate) fn sync_now_and_then(&mut self) -> Result<(), DatasetError> {
        if self.unsynced < SYNC_EVERY { Ok(()) } else { self.sync() }
    }

    /// Makes a point to continue from.
    pub(crate) fn sync(&mut self) -> Result<(), DatasetError> {
        for Part { path, writer } in &mut self.files {
            writer.flush().map_err(DatasetError::write(path))?;
            writer.get_ref().sync_data().map_err(DatasetError::write(path))?;
        }
        self.unsynced = 0;
        let path = self.folder.join(STATE);
        let text =
            serde_json::to_vec(&self.state).map_err(|error| io::Error::other(error.to_string()));
        text.and_then(|text| replace(&path, &text)).map_err(DatasetError::write(&path))
    }

    /// Writes the header: the folder is then a whole set, still under its working name.
    pub(crate) fn finish(
        mut self,
        source: String,
        prepared: String,
    ) -> Result<Header, DatasetError> {
        if let Some(index) = self.files.iter_mut().find(|part| part.path.ends_with(INDEX)) {
            let end = self.state.names.to_le_bytes();
            index.writer.write_all(&end).map_err(DatasetError::write(&index.path))?;
        }
        for Part { path, writer } in &mut self.files {
            writer.flush().map_err(DatasetError::write(path))?;
            writer.get_ref().sync_all().map_err(DatasetError::write(path))?;
        }
        let digests = self.folder.join(DIGESTS);
        let mut bytes = Vec::new();
        File::open(&digests)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|source| DatasetError::Unreadable { path: digests, source })?;
        let header = Header {
            format: FORMAT.into(),
            version: VERSION,
            images: self.state.written,
            channels: self.channels,
            levels: self.sizes.clone(),
            labels: match (self.labels.dim(), self.labels.are_classes()) {
                (0, _) => LabelKind::None,
                (_, true) => LabelKind::Classes,
                (_, false) => LabelKind::Vectors,
            },
            label_names: self.labels.names().to_vec(),
            content: verify::content(&bytes),
            source,
            prepared,
        };
        let path = self.folder.join(HEADER);
        serde_json::to_vec_pretty(&header)
            .map_err(|error| io::Error::other(error.to_string()))
            .and_then(|text| replace(&path, &text))
            .map_err(DatasetError::write(&path))?;
        if header.labels == LabelKind::None {
            let path = self.folder.join(LABELS);
            fs::remove_file(&path).map_err(DatasetError::write(&path))?;
        }
        let path = self.folder.join(STATE);
        if path.exists() {
            fs::remove_file(&path).map_err(DatasetError::write(&path))?;
        }
        Ok(header)
    }
}

/// Writes a small file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// Gives a finished file or folder its name.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<(), DatasetError> {
    fs::rename(from, to).map_err(DatasetError::write(to))?;
    // The new name is only on disk when its folder is; where folders cannot be synced, the system
    // takes care of it.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
    Ok(())
}
