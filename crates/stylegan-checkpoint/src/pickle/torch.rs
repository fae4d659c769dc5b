//! PyTorch's storages and tensors in a pickle, and the serialization from before version 1.6: several pickles, then the
//! storages' raw bytes.

use std::collections::HashMap;
use std::ops::Range;

use super::PickleFault;
use super::call::{Storages, arguments};
use super::cursor::Cursor;
use super::element::Element;
use super::machine::{self, Machine};
use super::node::{Arena, Chunk, Id, Node, Storage, Strided};

/// The integer that a legacy file's first pickle holds, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The only version of the legacy format.
const LEGACY_VERSION: i64 = 1001;

/// The storage that a reference `('storage', class, key, device, elements, view)` means.
pub(crate) fn storage(arena: &Arena, storages: &Storages, id: Id) -> Result<Storage, PickleFault> {
    let parts = arena.items(id).unwrap_or_default();
    let (Some(&class), Some(&key), Some(&count)) = (parts.get(1), parts.get(2), parts.get(4))
    else {
        return Err(PickleFault::malformed(
            "a reference to a storage has other parts than expected",
        ));
    };
    let class = match arena.get(class) {
        Node::Global(global) => global.name.as_str(),
        _ => "",
    };
    let element = Element::of_storage(class).ok_or_else(|| {
        let class = super::shorten(class, 40);
        PickleFault::malformed(format!("tensors of PyTorch's `{class}` cannot be read"))
    })?;
    let key = arena.text(key).ok_or_else(|| PickleFault::malformed("a storage has no key"))?;
    let elements = arena.size(count);
    let elements = elements.ok_or_else(|| PickleFault::malformed("a storage has no size"))?;
    if parts.get(5).is_some_and(|&view| !matches!(arena.get(view), Node::None)) {
        let reason = "its storages are views of each other, as in files from before PyTorch 0.4";
        return Err(PickleFault::malformed(reason));
    }
    let mut storage =
        Storage { element, key: key.to_owned(), elements, big_endian: false, data: None };
    if let Storages::Archive { files, big_endian } = storages {
        let file = files.get(key).ok_or_else(|| {
            let key = super::shorten(key, 40);
            PickleFault::malformed(format!("the archive lacks the storage `{key}`"))
        })?;
        storage.big_endian = *big_endian;
        storage.set_data(file.clone())?;
    }
    Ok(storage)
}

impl Storage {
    /// Gives it its bytes, if they suffice.
    fn set_data(&mut self, chunk: Chunk) -> Result<(), PickleFault> {
        let bytes = self.elements.checked_mul(self.element.size());
        if bytes.is_none_or(|bytes| bytes > chunk.range.len()) {
            return Err(PickleFault::malformed(format!(
                "storage `{}` claims {} numbers of {}, but has {} bytes",
                super::shorten(&self.key, 40),
                self.elements,
                self.element.name(),
                chunk.range.len()
            )));
        }
        self.data = Some(chunk);
        Ok(())
    }
}

/// `_rebuild_tensor_v2(storage, offset, size, stride, ...)`.
pub(crate) fn rebuild_tensor(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let args = arguments(machine, args)?;
    let [storage, offset, shape, strides, ..] = args.as_slice() else {
        return Err(PickleFault::malformed("a tensor has fewer parts than expected"));
    };
    let arena = &machine.arena;
    let Node::Storage(behind) = arena.get(*storage) else {
        return Err(PickleFault::malformed("a tensor has no storage"));
    };
    let (Some(offset), Some(shape), Some(strides)) =
        (arena.size(*offset), arena.sizes(*shape), arena.sizes(*strides))
    else {
        return Err(PickleFault::malformed("a tensor's offset, shape or strides are no sizes"));
    };
    let last = shape.iter().zip(&strides).try_fold(offset, |last, (&size, &stride)| {
        last.checked_add(size.saturating_sub(1).checked_mul(stride)?)
    });
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let empty = count == Some(0);
    let inside = last.is_some_and(|last| last < behind.elements)
        && count.is_some_and(|count| count <= behind.elements);
    if shape.len() != strides.len() || !(empty || inside) {
        return Err(PickleFault::malformed(format!(
            "a tensor of shape {shape:?} reaches beyond its storage of {} numbers",
            behind.elements
        )));
    }
    let tensor = Strided { storage: *storage, offset, shape, strides };
    machine.arena.add(Node::Tensor(Box::new(tensor)))
}

/// `_load_from_bytes(bytes)`: a whole PyTorch file inside the pickle, which holds one storage.
pub(crate) fn load_from_bytes(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let source = match arguments(machine, args)?.first().map(|&id| machine.arena.get(id)) {
        Some(Node::Bytes(chunk)) => chunk.clone(),
        _ => return Err(PickleFault::malformed("a file inside the file is not made of bytes")),
    };
    let limit = machine.arena.limits.nested;
    if machine.nested >= limit {
        return Err(PickleFault::Limit { what: "files inside each other", limit });
    }
    let nested = machine.nested + 1;
    let value = legacy(machine.arena, nested, &source).map_err(|(_, fault)| fault)?;
    value.ok_or_else(|| PickleFault::malformed("a file inside the file is not PyTorch's"))
}

/// Reads a legacy file; `None` when its first pickle is not the format's magic number.
///
/// Five pickles (magic number, version, machine, value, keys of storages), then for each key in that order the number of
/// elements as eight bytes, and the elements, always little-endian.
pub(crate) fn legacy(
    arena: &mut Arena,
    nested: usize,
    source: &Chunk,
) -> machine::Located<Option<Id>> {
    let end = source.range.end;
    let mut rest = source.clone();
    let mut next = |arena: &mut Arena, storages: &Storages| {
        let (value, at) = machine::read(arena, storages, nested, &rest)?;
        rest.range = at..end;
        Ok((value, at))
    };
    let (magic, _) = next(arena, &Storages::None)?;
    let is_magic = matches!(arena.get(magic), Node::Big(chunk) if arena.bytes(chunk) == MAGIC);
    if !is_magic {
        return Ok(None);
    }
    let (version, at) = next(arena, &Storages::None)?;
    if !matches!(arena.get(version), Node::Int(LEGACY_VERSION)) {
        let reason = "this version of PyTorch's legacy format is not known";
        return Err((at, PickleFault::malformed(reason)));
    }
    next(arena, &Storages::None)?;
    let first = arena.nodes.len();
    let (value, _) = next(arena, &Storages::Legacy)?;
    let last = arena.nodes.len();
    let (keys, at) = next(arena, &Storages::None)?;
    place_storages(arena, first..last, keys, &rest).map_err(|fault| (at, fault))?;
    Ok(Some(value))
}

/// Gives the storages among the values `made` their bytes, which lie in `rest` in the order of `keys`.
fn place_storages(
    arena: &mut Arena,
    made: Range<usize>,
    keys: Id,
    rest: &Chunk,
) -> Result<(), PickleFault> {
    let waiting: Vec<usize> = made.filter(|&index| waits(arena.nodes.get(index))).collect();
    let mut sizes = HashMap::new();
    for &index in &waiting {
        if let Some(Node::Storage(storage)) = arena.nodes.get(index) {
            sizes.insert(storage.key.clone(), storage.element.size());
        }
    }
    let keys = arena.items(keys).map(<[Id]>::to_vec);
    let keys = keys.ok_or_else(|| PickleFault::malformed("the storages' keys are no list"))?;
    let mut places = HashMap::new();
    let mut cursor = Cursor::new(arena, rest);
    for key in keys {
        let key = arena.text(key).ok_or_else(|| PickleFault::malformed("a storage has no key"))?;
        let size = sizes.get(key).ok_or_else(|| {
            let key = super::shorten(key, 40);
            PickleFault::malformed(format!("nothing uses the storage `{key}`"))
        })?;
        let count = cursor.number(8, "a storage's size")?;
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(*size));
        let chunk = cursor.chunk(bytes.unwrap_or(usize::MAX), "a storage")?;
        places.insert(key.to_owned(), chunk);
    }
    for index in waiting {
        let Some(Node::Storage(storage)) = arena.nodes.get_mut(index) else { continue };
        let place = places.get(&storage.key).cloned().ok_or_else(|| {
            let key = super::shorten(&storage.key, 40);
            PickleFault::malformed(format!("the file lacks the storage `{key}`"))
        })?;
        storage.set_data(place)?;
    }
    Ok(())
}

/// Whether this is a storage that has no bytes yet. Those of a file inside this one have theirs.
fn waits(node: Option<&Node>) -> bool {
    matches!(node, Some(Node::Storage(storage)) if storage.data.is_none())
}
