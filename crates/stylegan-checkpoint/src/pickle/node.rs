//! The values of a pickle, in one flat list that refers to itself by index: nothing is freed recursively, and a value
//! that contains itself does no harm.

use std::ops::Range;
use std::sync::Arc;

use super::element::Element;
use super::{Limits, PickleFault};

/// A value's place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(u32);

/// Bytes of the file, or of a buffer that was decoded from it.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// The buffer; `None` for the file.
    pub(crate) base: Option<Arc<Vec<u8>>>,
    pub(crate) range: Range<usize>,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than eight bytes, little-endian two's complement.
    Big(Chunk),
    Float(f64),
    Bytes(Chunk),
    /// UTF-8 that was checked.
    Str(Chunk),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Box<Global>),
    Object(Box<Object>),
    /// A reference to something outside of the pickle that means nothing here.
    Persistent(Id),
    Dtype(Dtype),
    Array(Box<Array>),
    Storage(Box<Storage>),
    Tensor(Box<Strided>),
}

/// The name of a class or function: a name, never the thing itself.
#[derive(Debug, Clone)]
pub(crate) struct Global {
    pub(crate) module: String,
    pub(crate) name: String,
}

/// An instance of a class that is not known: what it was made with, and nothing done.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) class: Id,
    pub(crate) args: Id,
    pub(crate) state: Option<Id>,
    pub(crate) entries: Vec<(Id, Id)>,
    pub(crate) elements: Vec<Id>,
}

/// A numpy type; `element` is `None` for one that holds no plain numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dtype {
    pub(crate) element: Option<Element>,
    pub(crate) big_endian: bool,
}

/// A numpy array.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) fortran: bool,
    /// `None` until its state is known, and for objects.
    pub(crate) data: Option<Chunk>,
}

/// A PyTorch storage.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    pub(crate) element: Element,
    pub(crate) key: String,
    pub(crate) elements: usize,
    pub(crate) big_endian: bool,
    /// `None` until the end of a legacy file is read.
    pub(crate) data: Option<Chunk>,
}

/// A PyTorch tensor: a view of a storage.
#[derive(Debug, Clone)]
pub(crate) struct Strided {
    pub(crate) storage: Id,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// All values of a file.
pub(crate) struct Arena<'f> {
    pub(crate) file: &'f [u8],
    pub(crate) nodes: Vec<Node>,
    pub(crate) limits: Limits,
    steps: usize,
    copied: usize,
}

impl<'f> Arena<'f> {
    pub(crate) const NONE: Id = Id(0);
    pub(crate) const FALSE: Id = Id(1);
    pub(crate) const TRUE: Id = Id(2);

    pub(crate) fn new(file: &'f [u8], limits: Limits) -> Self {
        let nodes = vec![Node::None, Node::Bool(false), Node::Bool(true)];
        Self { file, nodes, limits, steps: 0, copied: 0 }
    }

    pub(crate) fn add(&mut self, node: Node) -> Result<Id, PickleFault> {
        let limit = self.limits.values;
        let id = u32::try_from(self.nodes.len()).ok().filter(|&id| (id as usize) < limit);
        let id = id.ok_or(PickleFault::Limit { what: "values", limit })?;
        self.nodes.push(node);
        Ok(Id(id))
    }

    /// Counts an instruction.
    pub(crate) fn step(&mut self) -> Result<(), PickleFault> {
        self.steps += 1;
        let limit = self.limits.steps;
        if self.steps > limit {
            return Err(PickleFault::Limit { what: "instructions", limit });
        }
        Ok(())
    }

    /// Checks that `more` bytes may be decoded before they are.
    pub(crate) fn may_copy(&mut self, more: usize) -> Result<(), PickleFault> {
        self.copied = self.copied.saturating_add(more);
        let limit = self.limits.copied;
        if self.copied > limit {
            return Err(PickleFault::Limit { what: "bytes of encoded data", limit });
        }
        Ok(())
    }

    pub(crate) fn get(&self, id: Id) -> &Node {
        // Ids come from `add` alone; the fallback keeps this free of panics.
        self.nodes.get(id.0 as usize).unwrap_or(&Node::None)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Node> {
        // The constants are shared by everything and never change.
        if id.0 <= Self::TRUE.0 { None } else { self.nodes.get_mut(id.0 as usize) }
    }

    pub(crate) fn bytes<'s>(&'s self, chunk: &'s Chunk) -> &'s [u8] {
        bytes_of(self.file, chunk)
    }

    /// A text: a string, or bytes of Python 2 that are one.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Node::Str(chunk) | Node::Bytes(chunk) => std::str::from_utf8(self.bytes(chunk)).ok(),
            _ => None,
        }
    }

    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Node::Tuple(items) | Node::List(items) => Some(items),
            _ => None,
        }
    }

    /// A size: an integer from 0.
    pub(crate) fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Node::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A list of sizes.
    pub(crate) fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        self.items(id)?.iter().map(|&item| self.size(item)).collect()
    }
}

pub(crate) fn bytes_of<'s>(file: &'s [u8], chunk: &'s Chunk) -> &'s [u8] {
    let base = chunk.base.as_deref().map_or(file, Vec::as_slice);
    base.get(chunk.range.clone()).unwrap_or_default()
}

impl Id {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Node {
    /// What it is, in a word, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Big(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bytes(_) => "bytes",
            Self::Str(_) => "a string",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Set(_) => "a set",
            Self::Dict(_) => "a dictionary",
            Self::Global(_) => "a class",
            Self::Object(_) => "an object",
            Self::Persistent(_) => "an outside reference",
            Self::Dtype(_) => "a numpy type",
            Self::Array(_) => "a numpy array",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }

    /// The values that it contains.
    pub(crate) fn children(&self) -> Vec<Id> {
        match self {
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => items.clone(),
            Self::Dict(entries) => entries.iter().flat_map(|&(key, value)| [key, value]).collect(),
            Self::Object(object) => {
                let pairs = object.entries.iter().flat_map(|&(key, value)| [key, value]);
                let own = [object.class, object.args].into_iter().chain(object.state);
                own.chain(object.elements.iter().copied()).chain(pairs).collect()
            }
            Self::Persistent(id) => vec![*id],
            Self::Tensor(tensor) => vec![tensor.storage],
            _ => Vec::new(),
        }
    }
}
