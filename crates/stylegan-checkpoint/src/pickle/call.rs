//! The small table: which functions a pickle may name in a call, and what stands for each here. None of them is run; each
//! is replaced by a few lines that build a plain value. A call of anything else is refused by name.

use std::collections::HashMap;

use super::machine::Machine;
use super::node::{Array, Chunk, Dtype, Id, Node, Object};
use super::{PickleFault, numpy, torch};

/// Where the storages of a PyTorch file lie.
#[derive(Debug, Default)]
pub(crate) enum Storages {
    /// There are none.
    #[default]
    None,
    /// Behind the pickles; known only when those are read.
    Legacy,
    /// Files in an archive, by their keys.
    Archive {
        /// Where each lies.
        files: HashMap<String, Chunk>,
        /// Their byte order.
        big_endian: bool,
    },
}

/// What stands for a function.
type Stand = fn(&mut Machine, Id) -> Result<Id, PickleFault>;

/// The functions that may be called, and what stands for them.
const TABLE: &[(&[&str], &str, Stand)] = &[
    (&["collections"], "OrderedDict", dictionary),
    (&["collections"], "defaultdict", empty_dictionary),
    (&["builtins", "__builtin__"], "dict", dictionary),
    (&["builtins", "__builtin__"], "list", list),
    (&["builtins", "__builtin__"], "tuple", tuple),
    (&["builtins", "__builtin__"], "set", set),
    (&["builtins", "__builtin__"], "frozenset", set),
    (&["builtins", "__builtin__"], "bytearray", bytes),
    (&["builtins", "__builtin__"], "bytes", bytes),
    (&["_codecs"], "encode", bytes),
    (&["copyreg", "copy_reg"], "_reconstructor", reconstructor),
    (&["copyreg", "copy_reg"], "__newobj__", new_object),
    (&["numpy.core.multiarray", "numpy._core.multiarray"], "_reconstruct", numpy::reconstruct),
    (&["numpy.core.multiarray", "numpy._core.multiarray"], "scalar", numpy::scalar),
    (&["numpy.core.numeric", "numpy._core.numeric"], "_frombuffer", numpy::from_buffer),
    (&["numpy"], "dtype", numpy::dtype),
    (&["torch._utils"], "_rebuild_tensor", torch::rebuild_tensor),
    (&["torch._utils"], "_rebuild_tensor_v2", torch::rebuild_tensor),
    (&["torch._utils"], "_rebuild_parameter", first),
    (&["torch._utils"], "_rebuild_parameter_with_state", first),
    (&["torch.storage"], "_load_from_bytes", torch::load_from_bytes),
    (&["torch"], "Size", tuple),
];

/// Names that make a record of their arguments and nothing else, in checkpoints as people have them.
const RECORDS: &[(&[&str], &str)] = &[
    (&["torch_utils.persistence"], "_reconstruct_persistent_obj"),
    (&["torch"], "device"),
    (&["pathlib", "pathlib._local"], "PosixPath"),
    (&["pathlib", "pathlib._local"], "WindowsPath"),
    (&["pathlib", "pathlib._local"], "PurePosixPath"),
    (&["datetime"], "datetime"),
    (&["datetime"], "timedelta"),
    (&["builtins", "__builtin__"], "slice"),
    (&["builtins", "__builtin__"], "complex"),
];

/// A call.
pub(crate) fn reduce(machine: &mut Machine, callable: Id, args: Id) -> Result<Id, PickleFault> {
    let Node::Global(global) = machine.arena.get(callable) else {
        let kind = machine.arena.get(callable).kind();
        return Err(PickleFault::Refused(format!("{kind}, as if it were a function")));
    };
    let (module, name) = (global.module.as_str(), global.name.as_str());
    let known = |entry: &(&[&str], &str)| entry.0.contains(&module) && entry.1 == name;
    if let Some((_, _, stand)) = TABLE.iter().find(|(m, n, _)| known(&(m, n))) {
        return stand(machine, args);
    }
    if RECORDS.iter().any(known) {
        return machine.arena.add(Object::record(callable, args));
    }
    Err(PickleFault::Refused(format!(
        "{}.{}",
        super::shorten(module, 80),
        super::shorten(name, 80)
    )))
}

/// An instance that Python would make without a call of its class.
pub(crate) fn instance(machine: &mut Machine, class: Id, args: Id) -> Result<Node, PickleFault> {
    let Node::Global(global) = machine.arena.get(class) else {
        let kind = machine.arena.get(class).kind();
        return Err(PickleFault::malformed(format!("{kind} stands where a class should")));
    };
    Ok(match (global.module.as_str(), global.name.as_str()) {
        ("collections", "OrderedDict" | "defaultdict") => Node::Dict(Vec::new()),
        _ => Object::record(class, args),
    })
}

/// Sets the state of what was made before.
pub(crate) fn build(machine: &mut Machine, target: Id, state: Id) -> Result<(), PickleFault> {
    match machine.arena.get(target) {
        Node::Object(_) => {
            if let Some(Node::Object(object)) = machine.arena.get_mut(target) {
                object.state = Some(state);
            }
            Ok(())
        }
        Node::Dtype(dtype) => {
            let dtype = numpy::dtype_state(machine, *dtype, state)?;
            set_node(machine, target, Node::Dtype(dtype));
            Ok(())
        }
        Node::Array(_) => {
            let array = numpy::array_state(machine, state)?;
            set_node(machine, target, Node::Array(Box::new(array)));
            Ok(())
        }
        // Attributes of a dictionary, such as the version numbers of a module's parameters.
        Node::Dict(_) | Node::Tensor(_) => Ok(()),
        other => Err(PickleFault::malformed(format!("{} cannot have a state", other.kind()))),
    }
}

fn set_node(machine: &mut Machine, target: Id, node: Node) {
    if let Some(place) = machine.arena.get_mut(target) {
        *place = node;
    }
}

/// A reference to something outside of the pickle: a storage, in a PyTorch file.
pub(crate) fn persistent(machine: &mut Machine, id: Id) -> Result<Id, PickleFault> {
    match machine.storages {
        Storages::None => machine.arena.add(Node::Persistent(id)),
        storages => {
            let node = torch::storage(machine.arena, storages, id)?;
            machine.arena.add(Node::Storage(Box::new(node)))
        }
    }
}

/// The arguments of a call.
pub(crate) fn arguments(machine: &Machine, args: Id) -> Result<Vec<Id>, PickleFault> {
    let items = machine.arena.items(args).map(<[Id]>::to_vec);
    items.ok_or_else(|| PickleFault::malformed("a function's arguments are not a tuple"))
}

fn first(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    arguments(machine, args)?
        .first()
        .copied()
        .ok_or_else(|| PickleFault::malformed("a function lacks its argument"))
}

fn dictionary(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let mut entries = Vec::new();
    if let Some(&source) = arguments(machine, args)?.first() {
        match machine.arena.get(source) {
            Node::Dict(from) => entries = from.clone(),
            Node::List(pairs) => {
                for &pair in pairs {
                    match machine.arena.items(pair) {
                        Some(&[key, value]) => entries.push((key, value)),
                        _ => return Err(PickleFault::malformed("a dictionary's entry is no pair")),
                    }
                }
            }
            other => {
                let reason = format!("a dictionary cannot be made of {}", other.kind());
                return Err(PickleFault::malformed(reason));
            }
        }
    }
    copied(machine, entries.len())?;
    machine.arena.add(Node::Dict(entries))
}

/// The argument is the function for values that are missing, which is never called.
fn empty_dictionary(machine: &mut Machine, _: Id) -> Result<Id, PickleFault> {
    machine.arena.add(Node::Dict(Vec::new()))
}

fn list(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let items = elements(machine, args)?;
    machine.arena.add(Node::List(items))
}

fn tuple(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let items = elements(machine, args)?;
    machine.arena.add(Node::Tuple(items))
}

fn set(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let items = elements(machine, args)?;
    machine.arena.add(Node::Set(items))
}

/// The elements of the only argument.
fn elements(machine: &mut Machine, args: Id) -> Result<Vec<Id>, PickleFault> {
    let Some(&source) = arguments(machine, args)?.first() else { return Ok(Vec::new()) };
    let items = match machine.arena.get(source) {
        Node::List(items) | Node::Tuple(items) | Node::Set(items) => items.clone(),
        other => {
            let reason = format!("a collection cannot be made of {}", other.kind());
            return Err(PickleFault::malformed(reason));
        }
    };
    copied(machine, items.len())?;
    Ok(items)
}

/// Counts elements that are copied from one collection into another.
fn copied(machine: &mut Machine, elements: usize) -> Result<(), PickleFault> {
    machine.arena.may_copy(elements.saturating_mul(size_of::<(Id, Id)>()))
}

/// `bytes(...)`, and `_codecs.encode(text, 'latin1')`, with which Python 3 writes bytes in protocol 2.
fn bytes(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let args = arguments(machine, args)?;
    let Some(&source) = args.first() else {
        return machine.arena.add(Node::Bytes(Chunk::owned(Vec::new())));
    };
    let bytes = match machine.arena.get(source) {
        Node::Bytes(chunk) => return machine.arena.add(Node::Bytes(chunk.clone())),
        Node::Str(chunk) => {
            let length = chunk.range.len();
            let encoding = args.get(1).and_then(|&id| machine.arena.text(id));
            let latin = matches!(encoding, Some("latin1" | "latin-1" | "iso-8859-1"));
            let chunk = chunk.clone();
            machine.arena.may_copy(length)?;
            let text = machine.arena.bytes(&chunk);
            if latin { text_to_latin(text)? } else { text.to_vec() }
        }
        other => {
            let reason = format!("bytes cannot be made of {}", other.kind());
            return Err(PickleFault::malformed(reason));
        }
    };
    machine.arena.add(Node::Bytes(Chunk::owned(bytes)))
}

fn text_to_latin(text: &[u8]) -> Result<Vec<u8>, PickleFault> {
    let not = || PickleFault::malformed("a string is not Latin-1");
    let text = std::str::from_utf8(text).map_err(|_| not())?;
    text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| not())).collect()
}

/// `copyreg._reconstructor(class, base, state)`: how protocols 0 and 1 make an instance.
fn reconstructor(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let class = first(machine, args)?;
    let node = instance(machine, class, args)?;
    machine.arena.add(node)
}

fn new_object(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    reconstructor(machine, args)
}

impl Array {
    /// An array whose state is not known yet.
    pub(crate) fn empty() -> Self {
        let dtype = Dtype { element: None, big_endian: false };
        Self { dtype, shape: vec![0], fortran: false, data: None }
    }
}
