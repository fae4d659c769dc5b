//! A whole file: which of the containers it is, and its value.

use std::fmt;
use std::path::{Path, PathBuf};

use super::call::Storages;
use super::node::{Arena, Chunk, Id, Node};
use super::{Limits, PickleFault, Value, archive, machine, torch};
use crate::CheckpointError;
use crate::data::Data;

/// How a pickle is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Container {
    /// A pickle as it is.
    Pickle,
    /// PyTorch's serialization from before version 1.6.
    TorchLegacy,
    /// PyTorch's zip archives.
    TorchZip,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pickle => "pickle",
            Self::TorchLegacy => "PyTorch file (legacy serialization)",
            Self::TorchZip => "PyTorch file (zip)",
        })
    }
}

/// A pickle or PyTorch file, mapped into memory: its structure is read, its arrays and tensors are not until they are
/// asked for.
pub struct Document {
    pub(crate) path: PathBuf,
    pub(crate) data: Data,
    pub(crate) nodes: Vec<Node>,
    root: Id,
    container: Container,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, container) = (&self.path, self.container);
        write!(f, "Document({} as {container}, {} values)", path.display(), self.nodes.len())
    }
}

impl Document {
    /// Whether a file's first bytes are those of a pickle (of protocol 2 or later) or a zip archive.
    pub fn is_likely(bytes: &[u8]) -> bool {
        archive::is_zip(bytes) || matches!(bytes, [0x80, 2..=5, ..])
    }

    /// Opens a file. Nothing in it is run.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], or [`CheckpointError::Pickle`] with the byte and the reason.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        Self::open_within(path, &Limits::default())
    }

    /// As [`Self::open`], with other limits.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_within(path: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let data = Data::open(path).map_err(CheckpointError::io("open", path))?;
        Self::read(path, data, limits)
    }

    /// As [`Self::open_within`], for bytes in memory; `path` is what errors call them.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(
        path: &Path,
        bytes: Vec<u8>,
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        Self::read(path, Data::Owned(bytes), limits)
    }

    fn read(path: &Path, data: Data, limits: &Limits) -> Result<Self, CheckpointError> {
        let mut arena = Arena::new(&data, *limits);
        let (root, container) = contents(&mut arena).map_err(|(at, source)| {
            CheckpointError::Pickle { path: path.to_owned(), at: at as u64, source }
        })?;
        let nodes = arena.nodes;
        Ok(Self { path: path.to_owned(), data, nodes, root, container })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// How it is packed.
    pub fn container(&self) -> Container {
        self.container
    }

    /// What it holds.
    pub fn root(&self) -> Value<'_> {
        Value::new(self, self.root)
    }
}

fn contents(arena: &mut Arena) -> machine::Located<(Id, Container)> {
    let (root, container) = if archive::is_zip(arena.file) {
        let archive = archive::open(arena.file).map_err(|fault| (0, fault))?;
        let (root, _) = machine::read(arena, &archive.storages, 0, &archive.pickle)?;
        (root, Container::TorchZip)
    } else {
        let whole = Chunk { base: None, range: 0..arena.file.len() };
        match torch::legacy(arena, 0, &whole)? {
            Some(root) => (root, Container::TorchLegacy),
            None => {
                let (root, _) = machine::read(arena, &Storages::None, 0, &whole)?;
                (root, Container::Pickle)
            }
        }
    };
    check_depth(arena, root).map_err(|fault| (0, fault))?;
    Ok((root, container))
}

/// Follows every value once, without recursion: none may contain itself, and none may be too deep.
fn check_depth(arena: &Arena, root: Id) -> Result<(), PickleFault> {
    const OPEN: u32 = u32::MAX;
    // 0: not seen; OPEN: an ancestor; else the depth of what is below, plus one.
    let mut depths = vec![0u32; arena.nodes.len()];
    let mut path = vec![(root, arena.get(root).children(), 0u32)];
    depths[root.index()] = OPEN;
    while let Some((id, children, below)) = path.last_mut() {
        let Some(child) = children.pop() else {
            let depth = *below + 1;
            depths[id.index()] = depth;
            path.pop();
            if let Some((_, _, below)) = path.last_mut() {
                *below = depth.max(*below);
            }
            continue;
        };
        match depths[child.index()] {
            0 => {
                depths[child.index()] = OPEN;
                path.push((child, arena.get(child).children(), 0));
            }
            OPEN => return Err(PickleFault::Cyclic),
            depth => *below = depth.max(*below),
        }
    }
    let limit = arena.limits.depth;
    if depths[root.index()] as usize > limit {
        return Err(PickleFault::Limit { what: "values inside each other", limit });
    }
    Ok(())
}
