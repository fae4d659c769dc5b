//! Looking at what a file holds.

use super::document::Document;
use super::element::Element;
use super::node::{Id, Node, bytes_of};
use super::tensor::Tensor;

/// A value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'a> {
    document: &'a Document,
    id: Id,
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({})", self.kind())
    }
}

impl<'a> Value<'a> {
    pub(crate) fn new(document: &'a Document, id: Id) -> Self {
        Self { document, id }
    }

    fn node(self) -> &'a Node {
        self.document.nodes.get(self.id.index()).unwrap_or(&Node::None)
    }

    fn all(self, ids: &[Id]) -> Vec<Value<'a>> {
        ids.iter().map(|&id| Value::new(self.document, id)).collect()
    }

    /// What it is, in a word.
    pub fn kind(self) -> &'static str {
        self.node().kind()
    }

    /// Whether it is None.
    pub fn is_none(self) -> bool {
        matches!(self.node(), Node::None)
    }

    /// A boolean.
    pub fn as_bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// An integer of up to 64 bits.
    pub fn as_i64(self) -> Option<i64> {
        match self.node() {
            Node::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// A size: an integer from 0.
    pub fn as_usize(self) -> Option<usize> {
        self.as_i64().and_then(|value| usize::try_from(value).ok())
    }

    /// A float, or an integer as one.
    pub fn as_f64(self) -> Option<f64> {
        match self.node() {
            Node::Float(value) => Some(*value),
            Node::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// A string, or bytes of Python 2 that are one.
    pub fn as_str(self) -> Option<&'a str> {
        match self.node() {
            Node::Str(chunk) | Node::Bytes(chunk) => {
                std::str::from_utf8(bytes_of(&self.document.data, chunk)).ok()
            }
            _ => None,
        }
    }

    /// The elements of a list, tuple or set.
    pub fn items(self) -> Option<Vec<Value<'a>>> {
        match self.node() {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => Some(self.all(items)),
            _ => None,
        }
    }

    /// The entries of a dictionary, or of an object that is one.
    pub fn entries(self) -> Option<Vec<(Value<'a>, Value<'a>)>> {
        let entries = match self.node() {
            Node::Dict(entries) => entries,
            Node::Object(object) => &object.entries,
            _ => return None,
        };
        let value = |id| Value::new(self.document, id);
        Some(entries.iter().map(|&(key, of)| (value(key), value(of))).collect())
    }

    /// The entry of a dictionary under a string; where a key comes twice, the last counts.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        let entries = match self.node() {
            Node::Dict(entries) => entries,
            Node::Object(object) => &object.entries,
            _ => return None,
        };
        let value = |id| Value::new(self.document, id);
        entries
            .iter()
            .rev()
            .find(|(of, _)| value(*of).as_str() == Some(key))
            .map(|(_, id)| value(*id))
    }

    /// Module and name of a class, or of an object's class.
    pub fn class(self) -> Option<(&'a str, &'a str)> {
        match self.node() {
            Node::Global(global) => Some((&global.module, &global.name)),
            Node::Object(object) => Value::new(self.document, object.class).class(),
            _ => None,
        }
    }

    /// The arguments that an object was made with.
    pub fn arguments(self) -> Option<Vec<Value<'a>>> {
        match self.node() {
            Node::Object(object) => Value::new(self.document, object.args).items(),
            _ => None,
        }
    }

    /// The state that an object was given.
    pub fn state(self) -> Option<Value<'a>> {
        match self.node() {
            Node::Object(object) => object.state.map(|id| Value::new(self.document, id)),
            _ => None,
        }
    }

    /// A numpy array or a PyTorch tensor.
    pub fn tensor(self) -> Option<Tensor<'a>> {
        let file: &'a [u8] = &self.document.data;
        match self.node() {
            Node::Array(array) => {
                let bytes = bytes_of(file, array.data.as_ref()?);
                let strides = dense_strides(&array.shape, array.fortran);
                let (element, shape) = (array.dtype.element?, array.shape.as_slice());
                Some(Tensor::new(element, array.dtype.big_endian, shape, strides, bytes))
            }
            Node::Tensor(tensor) => {
                let Node::Storage(storage) = Value::new(self.document, tensor.storage).node()
                else {
                    return None;
                };
                let from = tensor.offset.checked_mul(storage.element.size())?;
                let bytes = bytes_of(file, storage.data.as_ref()?).get(from..);
                // An empty tensor may lie at the end of its storage, or beyond.
                let bytes = bytes.unwrap_or_default();
                let (strides, shape) = (tensor.strides.clone(), tensor.shape.as_slice());
                Some(Tensor::new(storage.element, storage.big_endian, shape, strides, bytes))
            }
            _ => None,
        }
    }

    /// What a person reads of it: numbers, strings and small collections as Python writes them, others by their kind.
    pub fn shown(self) -> String {
        let mut text = String::new();
        self.show(&mut text, 0);
        text
    }

    fn show(self, text: &mut String, depth: usize) {
        // Bounded, so that a value that is referred to very often stays short.
        const LONGEST: usize = 400;
        if text.len() > LONGEST || depth > 4 {
            if !text.ends_with('…') {
                text.push('…');
            }
            return;
        }
        let list = |text: &mut String, items: &[Value]| {
            for (index, item) in items.iter().enumerate() {
                if text.len() > LONGEST {
                    break;
                }
                text.push_str(if index == 0 { "" } else { ", " });
                item.show(text, depth + 1);
            }
        };
        match self.node() {
            Node::None => text.push_str("None"),
            Node::Bool(value) => text.push_str(if *value { "True" } else { "False" }),
            Node::Int(value) => text.push_str(&value.to_string()),
            Node::Float(value) => text.push_str(&value.to_string()),
            Node::Str(_) => {
                let string = self.as_str().unwrap_or_default();
                text.push_str(&format!("{:?}", super::shorten(string, 80)));
            }
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => {
                text.push('[');
                list(text, &self.all(items));
                text.push(']');
            }
            Node::Dict(entries) => {
                text.push('{');
                for (index, &(key, value)) in entries.iter().enumerate() {
                    if text.len() > LONGEST {
                        break;
                    }
                    text.push_str(if index == 0 { "" } else { ", " });
                    Value::new(self.document, key).show(text, depth + 1);
                    text.push_str(": ");
                    Value::new(self.document, value).show(text, depth + 1);
                }
                text.push('}');
            }
            Node::Array(_) | Node::Tensor(_) => match self.tensor() {
                Some(tensor) => {
                    text.push_str(&format!("{} {:?}", tensor.element().name(), tensor.shape()));
                }
                None => text.push_str("an array of objects"),
            },
            _ => match self.class() {
                Some((module, name)) => {
                    let (module, name) = (super::shorten(module, 40), super::shorten(name, 40));
                    text.push_str(&format!("<{module}.{name}>"));
                }
                None => text.push_str(&format!("<{}>", self.kind())),
            },
        }
    }
}

fn dense_strides(shape: &[usize], fortran: bool) -> Vec<usize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1usize;
    let mut set = |axis: usize| {
        strides[axis] = step;
        step = step.saturating_mul(shape[axis]);
    };
    if fortran {
        (0..shape.len()).for_each(&mut set);
    } else {
        (0..shape.len()).rev().for_each(&mut set);
    }
    strides
}

impl Element {
    /// Whether its numbers have fractions.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}
